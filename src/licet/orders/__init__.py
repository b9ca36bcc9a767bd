"""Money received: checkout sessions and the orders they become, invoices and what paid them."""
