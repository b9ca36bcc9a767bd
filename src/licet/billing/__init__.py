"""The Billing API: checkout, subscriptions, invoices, payment methods, orders and entitlements."""
