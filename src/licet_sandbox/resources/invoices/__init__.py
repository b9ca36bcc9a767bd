"""API resources: invoices, invoice items, invoice payments."""
