"""The customer dashboard: everything that an account's billing page shows."""
