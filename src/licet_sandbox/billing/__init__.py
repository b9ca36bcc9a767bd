"""What happens to money over time: cards, payments, checkouts, invoices, renewals, failed payments."""
