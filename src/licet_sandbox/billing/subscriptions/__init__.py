"""Subscriptions: creation, updates, pauses, renewals, cancellation."""
