"""Users and organisations, their API keys, authentication and scopes."""
