"""Coupons, discounts and the amounts they take off."""
