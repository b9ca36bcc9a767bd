"""API resources: customers, test clocks, the account."""
