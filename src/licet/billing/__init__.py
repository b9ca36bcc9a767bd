"""The Billing API: the routes that span features."""
