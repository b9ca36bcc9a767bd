"""Collecting invoices: charges, retries, sent invoices, and the subscription's status."""
