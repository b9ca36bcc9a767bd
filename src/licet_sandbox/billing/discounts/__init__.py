"""Coupons, discounts and their amounts."""
