"""Checkout sessions: totals, the buyer's answers, and the purchase."""
