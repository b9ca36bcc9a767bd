"""What we ask of Stripe for a cart, in Stripe's words; and what its refusals say about the cart. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from licet.checkout.core import CartItem, CartLine, invalid_product, recurring
from licet.checkout.redirects import InvalidRedirectUrl
from licet.errors import LicetError, StripeRefused, Unprocessable

_LINE = re.compile(r"line_items\[(\d+)\]")


@dataclass(frozen=True)
class PurchaseRequest:
    """What a caller asks for.

    one_plan: whether the buyer may have one plan at a time, whichever it is. secret: what stands in `success_url` to
    know the buyer by who comes back, where that is an address of ours. ours: the fields whose URLs the caller left to
    us, which need no check.
    """

    items: Sequence[CartItem]
    success_url: str
    cancel_url: str
    promotion_code: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    one_plan: bool = False
    secret: str | None = None
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Purchase:
    """A cart that holds, and all that its session is made of."""

    order_id: UUID
    account_id: UUID
    cart: Sequence[CartLine]
    trial_days: int
    promotion_code_id: str | None
    one_plan: bool = False
    secret: str | None = None


def session_params(purchase: Purchase, wish: PurchaseRequest, stripe_customer_id: str) -> dict[str, Any]:
    """The parameters of `POST /v1/checkout/sessions`.

    The order's id goes wherever Stripe would not carry it by itself: metadata does not flow from the session to what is
    made of it. Without a code of the caller's the buyer may type one on Stripe's page.
    """
    metadata = {**wish.metadata, "licet_order_id": str(purchase.order_id)}
    params: dict[str, Any] = {
        "customer": stripe_customer_id,
        "client_reference_id": str(purchase.account_id),
        "success_url": wish.success_url,
        "cancel_url": wish.cancel_url,
        "line_items": [{"price": line.offer.stripe_price_id, "quantity": line.quantity} for line in purchase.cart],
        "metadata": metadata,
    }
    if purchase.promotion_code_id is None:
        params["allow_promotion_codes"] = True
    else:
        params["discounts"] = [{"promotion_code": purchase.promotion_code_id}]
    if recurring(purchase.cart):
        params["mode"] = "subscription"
        params["subscription_data"] = {"metadata": metadata}
        if purchase.trial_days:
            params["subscription_data"]["trial_period_days"] = purchase.trial_days
    else:
        params["mode"] = "payment"
        params["payment_intent_data"] = {"metadata": metadata}
        params["invoice_creation"] = {"enabled": True}
    return params


def session_key(purchase: Purchase, params: dict[str, Any]) -> str:
    """The idempotency key under which Stripe makes the session.

    Another try of the same order ends at the same session; where a price or the customer has changed in between it is
    another session, of which Stripe would refuse the same key. Nobody has heard of the first one.
    """
    asked = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return f"licet-session-{purchase.order_id}-{asked[:16]}"


def explain(refused: StripeRefused, wish: PurchaseRequest, cart: Sequence[CartLine]) -> LicetError:
    """The caller's own error, where Stripe refuses for something that the caller named; else the refusal itself.

    A product can have been archived a moment ago, a code used up, without our having been told.
    """
    param = str(refused.details.get("param", ""))
    line = _LINE.match(param)
    if line is not None and int(line[1]) < len(cart):
        return invalid_product(wish.items[cart[int(line[1])].item].product_id)
    if param.startswith("line_items") and len(cart) == 1:
        return invalid_product(wish.items[0].product_id)
    if param.startswith("discounts"):
        return invalid_promotion_code()
    for given, name in (("successUrl", "success_url"), ("cancelUrl", "cancel_url")):
        if param == name:
            return InvalidRedirectUrl(f"{given} is a URL that Stripe does not take.", details={"field": given})
    return refused


def invalid_promotion_code() -> Unprocessable:
    """A code that is not known, not valid now, or not for this cart."""
    return Unprocessable(
        "This promotion code does not hold for this purchase.",
        code="invalid_promotion_code",
        details={"field": "promotionCode"},
    )
