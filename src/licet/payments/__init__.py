"""The Payments API: organisations subscribe to plans. It holds no rules: those stand in plans and changes."""
