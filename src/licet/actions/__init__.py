"""What customers may change at Stripe: cancel, resume, change plan, payment methods, customer portal."""
