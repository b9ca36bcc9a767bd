"""Test clocks: by whose time an object lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import StripeError
from licet_sandbox.state.text import decode

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.store import Store

# What belongs to no customer, and what its buyer sees at once, at a page: these live by the sandbox's time, whoever's
# request made them.
OWN_TIME = frozenset(
    {
        "billing_portal.configuration",
        "billing_portal.session",
        "checkout.session",
        "coupon",
        "entitlements.feature",
        "event",
        "price",
        "product",
        "product_feature",
        "promotion_code",
        "test_helpers.test_clock",
        "webhook_endpoint",
    }
)


def read_clock(store: Store, clock_id: str) -> Obj | None:
    """The test clock as it is stored; None once it is deleted: what is left of its customers lives as others do."""
    text = store.value("SELECT json FROM objects WHERE id = ? AND NOT deleted", clock_id)
    if text is None:
        return None
    clock: Obj = decode(text)
    return clock


def advancing() -> StripeError:
    """Stripe's 429: while time passes, nobody may interfere."""
    message = "Test clock advancement underway - cannot perform modifications."
    return StripeError(429, {"type": "invalid_request_error", "code": "rate_limit", "message": message})
