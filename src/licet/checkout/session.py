"""Builds the parameters of a Stripe checkout session and explains Stripe's refusals. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from licet.checkout.core import (
    CartItem,
    CartLine,
    amount_too_large,
    currency_conflict,
    invalid_product,
    recurring,
)
from licet.checkout.redirects import InvalidRedirectUrl
from licet.errors import LicetError, StripeRefused, Unprocessable

_LINE = re.compile(r"line_items\[(\d+)\]")

_COMBINED_CURRENCIES = re.compile(r"combine currencies on a single customer", re.IGNORECASE)
"""Stripe gives this refusal no code. All known versions of its message contain these words."""

_CURRENCY = re.compile(r"currency ([a-zA-Z]{3})\b")


@dataclass(frozen=True)
class PurchaseRequest:
    """A request for a checkout.

    one_plan: whether the buyer may have only one plan at a time.
    secret: the token in `success_url` that identifies the returning buyer, if that URL is Licet's return page.
    trusted_fields: the names of URL fields that Licet has filled in itself; they are not checked.
    """

    items: Sequence[CartItem]
    success_url: str
    cancel_url: str
    promotion_code: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    one_plan: bool = False
    secret: str | None = None
    trusted_fields: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Purchase:
    """A checked cart with everything that its session is created from."""

    order_id: UUID
    account_id: UUID
    cart: Sequence[CartLine]
    trial_days: int
    promotion_code_id: str | None
    one_plan: bool = False
    secret: str | None = None


def session_params(purchase: Purchase, request: PurchaseRequest, stripe_customer_id: str) -> dict[str, Any]:
    """Return the parameters of `POST /v1/checkout/sessions`.

    The order id is set on the subscription and the payment too, because Stripe does not copy a session's metadata to
    them. Without a promotion code in the request, the buyer can enter one on Stripe's page.
    """
    metadata = {**request.metadata, "licet_order_id": str(purchase.order_id)}
    params: dict[str, Any] = {
        "customer": stripe_customer_id,
        "client_reference_id": str(purchase.account_id),
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
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
    """Return the idempotency key with which the session is created.

    A retry of the same order gets the same session. If a price or the customer has changed since, the parameters and so
    the key differ, because Stripe refuses a key with other parameters. The first session's URL was never returned.
    """
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return f"licet-session-{purchase.order_id}-{digest[:16]}"


def explain(refused: StripeRefused, request: PurchaseRequest, cart: Sequence[CartLine]) -> LicetError:
    """Return the caller's error if Stripe refused a value of the request, else the refusal itself.

    This happens if, for example, a product was archived or a code used up and the event has not arrived yet.
    """
    return _explain_money(refused, request, cart) or _explain_param(refused, request, cart)


def _explain_money(refused: StripeRefused, request: PurchaseRequest, cart: Sequence[CartLine]) -> LicetError | None:
    if _COMBINED_CURRENCIES.search(refused.message):
        other = _CURRENCY.search(refused.message)
        return currency_conflict(cart[0].offer.currency, other[1].lower() if other else None)
    code = refused.details.get("stripeCode")
    if code == "amount_too_large":
        return amount_too_large(cart)
    if code == "amount_too_small":
        # Only a code, or a price older than the catalogue's check, leaves less than the minimum charge.
        product_id = request.items[cart[0].item].product_id
        return invalid_product(product_id) if request.promotion_code is None else invalid_promotion_code()
    return None


def _explain_param(refused: StripeRefused, request: PurchaseRequest, cart: Sequence[CartLine]) -> LicetError:
    param = str(refused.details.get("param", ""))
    line = _LINE.match(param)
    if line is not None and int(line[1]) < len(cart):
        return invalid_product(request.items[cart[int(line[1])].item].product_id)
    if param.startswith("line_items") and len(cart) == 1:
        return invalid_product(request.items[0].product_id)
    if param.startswith("discounts"):
        return invalid_promotion_code()
    for field_name, stripe_name in (("successUrl", "success_url"), ("cancelUrl", "cancel_url")):
        if param == stripe_name:
            return InvalidRedirectUrl(
                f"{field_name} is a URL that Stripe does not accept.", details={"field": field_name}
            )
    return refused


def invalid_promotion_code() -> Unprocessable:
    """The error for a code that is unknown, not valid now, or not valid for this cart."""
    return Unprocessable(
        "This promotion code is not valid for this purchase.",
        code="invalid_promotion_code",
        details={"field": "promotionCode"},
    )
