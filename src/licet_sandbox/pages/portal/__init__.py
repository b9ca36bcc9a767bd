"""The customer portal: subscriptions, cards, details and invoices, each step on a plain page of its own."""
