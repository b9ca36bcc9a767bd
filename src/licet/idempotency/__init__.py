"""One `Idempotency-Key`: one thing made, one answer, however often it is asked for (docs/decisions/idempotency.md)."""
