"""What the statuses of a Stripe subscription come to. Source: Stripe's documentation, `subscription.status`."""

ENDED = frozenset({"canceled", "incomplete_expired"})
"""Over for good: nothing follows."""

ENTITLED = frozenset({"active", "trialing"})
"""Paid up, or on trial."""
