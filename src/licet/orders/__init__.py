"""Money received: checkout sessions with the orders they become, and invoices with their payments."""
