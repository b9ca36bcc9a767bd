"""API resources: products, prices, coupons, promotion codes, entitlements."""
