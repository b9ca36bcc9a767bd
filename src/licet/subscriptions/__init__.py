"""Subscriptions and their schedules: mirrors, queries, duplicate plans and emails."""
