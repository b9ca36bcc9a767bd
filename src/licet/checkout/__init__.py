"""Starts purchases and returns their outcome: a cart becomes a Stripe checkout session."""
