"""Routes for operators: accounts, API keys, Stripe events, emails and health checks."""
