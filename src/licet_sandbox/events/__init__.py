"""Events: made with each change, signed, and delivered to the webhook endpoints."""
