"""Sets of Stripe's subscription statuses. Source: Stripe's documentation, `subscription.status`."""

ENDED = frozenset({"canceled", "incomplete_expired"})
"""The subscription has ended permanently."""

ENTITLED = frozenset({"active", "trialing"})
"""The subscription is paid, or in its trial."""
