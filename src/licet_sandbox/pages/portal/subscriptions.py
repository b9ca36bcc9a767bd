"""What the portal shows of a subscription: plan, price, status, and the actions on offer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection import pending_updates, resumption
from licet_sandbox.billing.hosted_payment import invoice_requires_action
from licet_sandbox.billing.invoices.lines import amount_of, describe_interval, product_name
from licet_sandbox.billing.next_due import next_period_end
from licet_sandbox.billing.portal.portal_plans import can_change, pending_change
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.formatting import show_date
from licet_sandbox.resources.portal.cancellations import may_cancel
from licet_sandbox.resources.portal.pauses import may_pause

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    View = dict[str, Any]


def subscription_view(tx: Tx, subscription: Obj) -> View:
    """A subscription's plan and price."""
    items = subscription["items"]["data"]
    return {
        "id": subscription["id"],
        "name": ", ".join(product_name(tx, item["price"]) for item in items),
        "price": ", ".join(price_text(item["price"], item["quantity"]) for item in items),
        "period_end": show_date(next_period_end(subscription)),
    }


def price_text(price: Obj, quantity: int) -> str:
    """The price as text, such as `$9.00 per month` or `3 at $9.00 per month`."""
    each = f"{format_amount(amount_of(price, 1), price['currency'])} per {describe_interval(price['recurring'])}"
    return each if quantity == 1 else f"{quantity} at {each}"


def subscription_entry_view(tx: Tx, visit: Visit, subscription: Obj) -> View:
    """A subscription in the list: its status, and what the customer may do with it."""
    features = visit.configuration["features"]
    waiting = pending_updates.update_invoice_id(subscription) or resumption.resumption_invoice_id(subscription)
    status, good = _status_text(tx, subscription)
    return subscription_view(tx, subscription) | {
        "status": status,
        "good": good,
        "card": subscription["default_payment_method"],
        "changeable": visit.allows("subscription_update") and can_change(subscription) and waiting is None,
        "cancelable": visit.allows("subscription_cancel")
        and may_cancel(tx, features["subscription_cancel"], subscription),
        "keepable": visit.allows("subscription_cancel")
        and subscription["cancel_at"] is not None
        and subscription["schedule"] is None,
        "pausable": visit.allows("subscription_pause") and may_pause(subscription),
        "resumable": visit.allows("subscription_pause") and subscription["status"] == "paused" and waiting is None,
        "planned": _scheduled_change_text(tx, subscription),
        "plan_keepable": visit.allows("subscription_update"),
        "waiting": _open_invoice_view(tx, visit, subscription, waiting),
    }


def _status_text(tx: Tx, subscription: Obj) -> tuple[str, bool]:
    """The status as text, and whether it needs no attention."""
    status, ends_at = subscription["status"], subscription["cancel_at"]
    if ends_at is not None:
        return f"Ends on {show_date(ends_at)}", False
    if status == "trialing":
        return f"Free trial until {show_date(subscription['trial_end'])}", True
    if status == "paused":
        at = tx.due_at("subscription.pause_end", subscription["id"])
        return (f"Paused until {show_date(int(at))}" if math.isfinite(at) else "Paused"), False
    labels = {
        "past_due": "The last payment failed",
        "unpaid": "Unpaid",
        "incomplete": "Waiting for the first payment",
    }
    if status in labels:
        return labels[status], False
    collection = subscription["pause_collection"]
    if collection is not None:
        until = f" until {show_date(collection['resumes_at'])}" if collection["resumes_at"] is not None else ""
        return f"Payments paused{until}", True
    return f"Renews on {show_date(next_period_end(subscription))}", True


def _scheduled_change_text(tx: Tx, subscription: Obj) -> str | None:
    phase = pending_change(tx, subscription)
    if phase is None:
        return None
    item = phase["items"][0]
    price = tx.get("price", item["price"])
    what = f"{product_name(tx, price)}, {price_text(price, item['quantity'])}"
    return f"Changes to {what} on {show_date(phase['start_date'])}"


def _open_invoice_view(tx: Tx, visit: Visit, subscription: Obj, invoice_id: str | None) -> View | None:
    """The open invoice to pay: that of a pending change or resumption, else the latest one if late."""
    late = subscription["status"] in {"past_due", "unpaid", "incomplete"}
    named = invoice_id or (subscription["latest_invoice"] if late else None)
    invoice = None if named is None else tx.find(named)
    if invoice is None or invoice["status"] != "open":
        return None
    at_bank = pending_updates.update_invoice_id(subscription) == named and invoice_requires_action(tx, invoice)
    return {
        "address": f"{visit.path}/subscriptions/{subscription['id']}/3ds" if at_bank else f"/i/{named}",
        "amount": format_amount(invoice["amount_remaining"], invoice["currency"]),
    }
