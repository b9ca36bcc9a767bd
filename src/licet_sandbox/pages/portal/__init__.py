"""The customer portal: subscriptions, cards, details and invoices."""
