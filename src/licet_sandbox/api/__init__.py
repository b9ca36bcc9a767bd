"""Stripe's conventions: parameters, errors, expansion, lists, idempotency, and the table of operations."""
