"""What the portal's templates show, drawn from Stripe's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import pending_updates, resumption
from licet_sandbox.billing.agenda import ended, next_period_end
from licet_sandbox.billing.lines import amount_of, describe_interval, format_amount, product_name
from licet_sandbox.billing.portal_plans import may_change, planned, plans, quantities
from licet_sandbox.pages.wording import address_text, card_name, show_date
from licet_sandbox.resources.portal_cards import cards_of, may_remove
from licet_sandbox.resources.portal_ends import may_cancel, may_pause

if TYPE_CHECKING:
    from licet_sandbox.billing.portal_visits import Visit
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    View = dict[str, Any]

_FEW_INVOICES = 12
_WORDS = {"open": "To be paid", "paid": "Paid", "uncollectible": "Written off", "void": "Void"}


def home_view(tx: Tx, visit: Visit, *, everything: bool) -> View:
    """The first page; `everything`: all invoices, not only the newest."""
    cards = cards_of(tx, visit)
    mine = tx.select("subscription", "json ->> '$.customer' = ?", visit.customer["id"])
    invoices = _invoices(tx, visit) if visit.allows("invoice_history") else None
    return {
        "headline": visit.configuration["business_profile"]["headline"],
        "subscriptions": [_entry(tx, visit, one) for one in reversed(mine) if not ended(one)],
        "cards": [card_view(tx, visit, card) for card in cards],
        "may_change_cards": visit.allows("payment_method_update"),
        "details": _details(visit.customer) if visit.allows("customer_update") else None,
        "invoices": invoices if everything or invoices is None else invoices[:_FEW_INVOICES],
        "more_invoices": not everything and len(invoices or []) > _FEW_INVOICES,
    }


def subscription_view(tx: Tx, subscription: Obj) -> View:
    """What it is, and what it costs."""
    items = subscription["items"]["data"]
    return {
        "id": subscription["id"],
        "name": ", ".join(product_name(tx, item["price"]) for item in items),
        "price": ", ".join(price_text(item["price"], item["quantity"]) for item in items),
        "period_end": show_date(next_period_end(subscription)),
    }


def price_text(price: Obj, quantity: int) -> str:
    """`$9.00 per month`, `3 at $9.00 per month`."""
    each = f"{format_amount(amount_of(price, 1), price['currency'])} per {describe_interval(price['recurring'])}"
    return each if quantity == 1 else f"{quantity} at {each}"


def _entry(tx: Tx, visit: Visit, subscription: Obj) -> View:
    features = visit.configuration["features"]
    waiting = pending_updates.awaited(subscription) or resumption.awaited(subscription)
    status, good = _standing(tx, subscription)
    return subscription_view(tx, subscription) | {
        "status": status,
        "good": good,
        "card": subscription["default_payment_method"],
        "changeable": visit.allows("subscription_update") and may_change(subscription) and waiting is None,
        "cancelable": visit.allows("subscription_cancel")
        and may_cancel(tx, features["subscription_cancel"], subscription),
        "keepable": visit.allows("subscription_cancel")
        and subscription["cancel_at"] is not None
        and subscription["schedule"] is None,
        "pausable": visit.allows("subscription_pause") and may_pause(subscription),
        "resumable": visit.allows("subscription_pause") and subscription["status"] == "paused" and waiting is None,
        "planned": _planned(tx, subscription),
        "plan_keepable": visit.allows("subscription_update"),
        "waiting": _waiting(tx, subscription, waiting),
    }


def _standing(tx: Tx, subscription: Obj) -> tuple[str, bool]:
    """In words, and whether all is well."""
    status, ends_at = subscription["status"], subscription["cancel_at"]
    if ends_at is not None:
        return f"Ends on {show_date(ends_at)}", False
    if status == "trialing":
        return f"Free trial until {show_date(subscription['trial_end'])}", True
    if status == "paused":
        at = tx.due_at("subscription.pause_end", subscription["id"])
        return (f"Paused until {show_date(int(at))}" if at < 2**53 else "Paused"), False
    words = {
        "past_due": "The last payment failed",
        "unpaid": "Not paid",
        "incomplete": "Waits for its first payment",
    }
    if status in words:
        return words[status], False
    held = subscription["pause_collection"]
    if held is not None:
        until = f" until {show_date(held['resumes_at'])}" if held["resumes_at"] is not None else ""
        return f"No payments{until}", True
    return f"Renews on {show_date(next_period_end(subscription))}", True


def _planned(tx: Tx, subscription: Obj) -> str | None:
    phase = planned(tx, subscription)
    if phase is None:
        return None
    item = phase["items"][0]
    price = tx.get("price", item["price"])
    what = f"{product_name(tx, price)}, {price_text(price, item['quantity'])}"
    return f"Changes to {what} on {show_date(phase['start_date'])}"


def _waiting(tx: Tx, subscription: Obj, invoice_id: str | None) -> View | None:
    """The invoice to pay: of a change or a pause that waits for it, else the latest."""
    late = subscription["status"] in {"past_due", "unpaid", "incomplete"}
    named = invoice_id or (subscription["latest_invoice"] if late else None)
    invoice = None if named is None else tx.find(named)
    if invoice is None or invoice["status"] != "open":
        return None
    return {"id": invoice["id"], "amount": format_amount(invoice["amount_remaining"], invoice["currency"])}


def card_view(tx: Tx, visit: Visit, method: Obj) -> View:
    """A card as its owner knows it."""
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
    shown = [
        ("Name", customer["name"]),
        ("E-mail", customer["email"]),
        ("Telephone", customer["phone"]),
        ("Address", address_text(customer["address"])),
        ("Sent to", ", ".join(filter(None, (shipping.get("name"), address_text(shipping.get("address")))))),
    ]
    return [(label, text) for label, text in shown if text]


def _invoices(tx: Tx, visit: Visit) -> list[View]:
    """What was billed, newest first."""
    where = "json ->> '$.customer' = ? AND json ->> '$.status' != 'draft'"
    return [
        {
            "id": invoice["id"],
            "number": invoice["number"],
            "date": show_date(invoice["effective_at"] or invoice["created"]),
            "status": _WORDS[invoice["status"]],
            "amount": format_amount(invoice["total"], invoice["currency"]),
        }
        for invoice in reversed(tx.select("invoice", where, visit.customer["id"]))
    ]


def plans_view(tx: Tx, feature: Obj, subscription: Obj) -> View:
    """What there is to choose from."""
    present = subscription["items"]["data"][0]
    offered = plans(tx, feature, subscription)
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
        "quantities": any(quantities(feature, price) is not None for price in offered),
        "quantity": present["quantity"],
        "takes_codes": "promotion_code" in feature["default_allowed_updates"],
    }
