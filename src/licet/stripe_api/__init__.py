"""The one door to Stripe: client, signature check, translation of failures, read budget."""
