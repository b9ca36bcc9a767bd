"""The customer dashboard: what an account has, owes and pays next."""
