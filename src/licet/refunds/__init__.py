"""Money returned: refunds and disputes."""
