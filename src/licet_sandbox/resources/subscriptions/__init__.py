"""API resources: subscriptions and subscription items."""
