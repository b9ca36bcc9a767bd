"""The path of each kind of object in Stripe's API, by the value of its `object` field."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

COLLECTIONS: Mapping[str, str] = {
    "billing_portal.configuration": "/v1/billing_portal/configurations",
    "billing_portal.session": "/v1/billing_portal/sessions",
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "coupon": "/v1/coupons",
    "customer": "/v1/customers",
    "dispute": "/v1/disputes",
    "event": "/v1/events",
    "invoice": "/v1/invoices",
    "invoice_preview": "/v1/invoices/create_preview",
    "invoice_payment": "/v1/invoice_payments",
    "invoiceitem": "/v1/invoiceitems",
    "item": "/v1/checkout/sessions/{session}/line_items",
    "line_item": "/v1/invoices/{invoice}/lines",
    "payment_intent": "/v1/payment_intents",
    "payment_method": "/v1/payment_methods",
    "price": "/v1/prices",
    "product": "/v1/products",
    "promotion_code": "/v1/promotion_codes",
    "refund": "/v1/refunds",
    "setup_intent": "/v1/setup_intents",
    "subscription": "/v1/subscriptions",
    "subscription_item": "/v1/subscription_items",
    "subscription_schedule": "/v1/subscription_schedules",
    "webhook_endpoint": "/v1/webhook_endpoints",
}
"""`item` is a line of a checkout session and `line_item` a line of an invoice, as Stripe names them. An
`invoice_preview` is an invoice that Stripe returns and does not store."""


def collection(kind: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path under which objects of this kind are listed and created, and the remaining parameters.

    For a line, the parameters contain the session or invoice that it belongs to, which becomes part of the path.
    Raises KeyError for an unknown kind or a missing owner.
    """
    path, remaining = COLLECTIONS[kind], dict(params)
    for owner in ("session", "invoice"):
        if f"{{{owner}}}" in path:
            path = path.replace(f"{{{owner}}}", _segment(remaining.pop(owner)))
    return path, remaining


def member(kind: str, stripe_id: str) -> str:
    """The path of one object. The path of the account has no id, because there is only one."""
    return "/v1/account" if kind == "account" else f"{COLLECTIONS[kind]}/{_segment(stripe_id)}"


def _segment(stripe_id: str) -> str:
    if not stripe_id:
        raise ValueError("a Stripe id is needed: without it the path would name the whole collection")
    return quote(stripe_id, safe="")
