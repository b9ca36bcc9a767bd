"""Starting a purchase: a cart becomes a checkout session at Stripe. Nothing is issued here."""
