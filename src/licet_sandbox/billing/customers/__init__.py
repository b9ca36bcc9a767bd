"""Customers, their entitlements and their test clocks."""
