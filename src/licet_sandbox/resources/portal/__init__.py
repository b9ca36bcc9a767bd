"""API resources: customer portal configurations and sessions."""
