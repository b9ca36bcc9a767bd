"""The Payments API: organisations subscribe to plans. The rules are in `plans` and `actions`."""
