"""Invoices: lines, totals, customer balance, invoice items."""
