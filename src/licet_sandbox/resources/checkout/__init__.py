"""API resource: checkout sessions."""
