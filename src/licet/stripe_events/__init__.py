"""Stripe's events in: received, applied, retried, and refreshed from Stripe."""
