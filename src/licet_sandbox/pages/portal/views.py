"""Template values of the portal's first page and of the choice of plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.invoices.lines import product_name
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.portal.portal_plans import available_prices, quantity_bounds
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.formatting import address_text, card_name, show_date
from licet_sandbox.pages.portal.subscriptions import price_text, subscription_entry_view, subscription_view
from licet_sandbox.resources.portal.cards import cards_of, may_remove

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    View = dict[str, Any]

_RECENT_INVOICES_COUNT = 12
_STATUS_LABELS = {"open": "Open", "paid": "Paid", "uncollectible": "Uncollectible", "void": "Void"}


def home_view(tx: Tx, visit: Visit, *, everything: bool) -> View:
    """The first page. everything: all invoices, not only the newest."""
    cards = cards_of(tx, visit)
    subscriptions = tx.select("subscription", "json ->> '$.customer' = ?", visit.customer["id"])
    invoices = _invoices(tx, visit) if visit.allows("invoice_history") else None
    return {
        "headline": visit.configuration["business_profile"]["headline"],
        "subscriptions": [
            subscription_entry_view(tx, visit, subscription)
            for subscription in reversed(subscriptions)
            if not ended(subscription)
        ],
        "cards": [card_view(tx, visit, card) for card in cards],
        "may_change_cards": visit.allows("payment_method_update"),
        "details": _details(visit.customer) if visit.allows("customer_update") else None,
        "invoices": invoices if everything or invoices is None else invoices[:_RECENT_INVOICES_COUNT],
        "more_invoices": not everything and len(invoices or []) > _RECENT_INVOICES_COUNT,
    }


def card_view(tx: Tx, visit: Visit, method: Obj) -> View:
    """A card: its name, expiry, and whether it is the default and can be removed."""
    card = method["card"]
    return {
        "id": method["id"],
        "name": card_name(card),
        "expiry": f"{card['exp_month']:02d} / {card['exp_year'] % 100:02d}",
        "is_default": visit.customer["invoice_settings"]["default_payment_method"] == method["id"],
        "removable": may_remove(tx, method),
    }


def _details(customer: Obj) -> list[tuple[str, str]]:
    shipping = customer["shipping"] or {}
    details = [
        ("Name", customer["name"]),
        ("Email", customer["email"]),
        ("Phone number", customer["phone"]),
        ("Address", address_text(customer["address"])),
        ("Shipping address", ", ".join(filter(None, (shipping.get("name"), address_text(shipping.get("address")))))),
    ]
    return [(label, text) for label, text in details if text]


def _invoices(tx: Tx, visit: Visit) -> list[View]:
    """The customer's invoices except drafts, newest first."""
    where = "json ->> '$.customer' = ? AND json ->> '$.status' != 'draft'"
    return [
        {
            "id": invoice["id"],
            "number": invoice["number"],
            "date": show_date(invoice["effective_at"] or invoice["created"]),
            "status": _STATUS_LABELS[invoice["status"]],
            "amount": format_amount(invoice["total"], invoice["currency"]),
        }
        for invoice in reversed(tx.select("invoice", where, visit.customer["id"]))
    ]


def plans_view(tx: Tx, feature: Obj, subscription: Obj) -> View:
    """The plans on offer, and the current one."""
    present = subscription["items"]["data"][0]
    offered = available_prices(tx, feature, subscription)
    return {
        "subscription": subscription_view(tx, subscription),
        "plans": [
            {
                "price": price["id"],
                "name": product_name(tx, price),
                "amount": price_text(price, 1),
                "description": tx.get("product", price["product"])["description"],
                "present": price["id"] == present["price"]["id"],
            }
            for price in offered
        ],
        "quantities": any(quantity_bounds(feature, price) is not None for price in offered),
        "quantity": present["quantity"],
        "takes_codes": "promotion_code" in feature["default_allowed_updates"],
    }
