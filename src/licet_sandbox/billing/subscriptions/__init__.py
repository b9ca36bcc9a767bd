"""The life of a subscription: creation, update, pause, renewal, end."""
