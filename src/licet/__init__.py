"""Turns Stripe payments into software licenses and organisation plans."""
