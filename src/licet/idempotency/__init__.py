"""Creations that may be asked for again: one `Idempotency-Key`, one thing made, one answer (docs/decisions/idempotency.md)."""
