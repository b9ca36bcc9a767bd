"""The client of Stripe's API: calls, retries, errors, webhook signatures, read budget."""
