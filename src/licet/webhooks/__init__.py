"""Stripe events in: each is kept, walked through once, in one transaction, and answered when that has committed."""
