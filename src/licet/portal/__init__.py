"""What a customer sees of its own: the dashboard in one call."""
