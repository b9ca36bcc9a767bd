"""Which objects follow a test clock; reads test clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import StripeError
from licet_sandbox.state.text import decode

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.store import Store

# Objects without a customer, and those with a page that the buyer opens in real time: they follow the sandbox's clock,
# even if their customer is on a test clock.
SANDBOX_TIME_KINDS = frozenset(
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
    """The stored test clock; None once it is deleted.

    The remaining objects of its customers then follow the sandbox's clock.
    """
    text = store.value("SELECT json FROM objects WHERE id = ? AND NOT deleted", clock_id)
    if text is None:
        return None
    clock: Obj = decode(text)
    return clock


def clock_advancing_error() -> StripeError:
    """Stripe's 429 for a change while a test clock advances."""
    message = "Test clock advancement underway - cannot perform modifications."
    return StripeError(429, {"type": "invalid_request_error", "code": "rate_limit", "message": message})
