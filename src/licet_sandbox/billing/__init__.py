"""Stripe's rules over time: payments, checkouts, invoices, renewals, failed payments."""
