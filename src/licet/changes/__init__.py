"""What a customer may change at Stripe of what it has: its end, its cards, and the rest in Stripe's own portal."""
