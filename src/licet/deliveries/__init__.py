"""Webhooks out: what happened is told to the vendor's own systems."""
