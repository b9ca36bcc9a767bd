"""API resources: payment intents, payment methods, setup intents, charges."""
