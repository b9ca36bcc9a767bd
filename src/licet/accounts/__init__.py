"""Users and organisations, their API keys, and who may do what."""
