"""API resources: refunds and disputes."""
