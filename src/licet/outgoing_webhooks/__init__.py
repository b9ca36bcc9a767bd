"""Outgoing webhooks: endpoints, deliveries and their transport."""
