"""Stripe's API conventions: parameters, errors, expansion, idempotency, and the operations' table."""
