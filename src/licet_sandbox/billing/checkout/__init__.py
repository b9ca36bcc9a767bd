"""Checkout sessions: totals, answers, and the purchase they complete."""
