"""How often somebody may ask (contract, section 1; docs/decisions/rate-limits.md)."""
