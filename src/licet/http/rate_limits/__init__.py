"""Rate limits. Source: contract, section 1; docs/decisions/rate-limits.md."""
