"""Parameters for billing a change: proration, billing cycle anchor, payment behavior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.subscriptions.updates import BillingOptions
from licet_sandbox.errors import invalid
from licet_sandbox.resources.catalogue.prices import LONGEST_TRIAL_DAYS

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Parameters allowed with `payment_behavior=pending_if_incomplete`. Source: Stripe, "Pending updates reference".
_PENDING = {
    "add_invoice_items",
    "billing_cycle_anchor",
    "cancel_at_period_end",
    "expand",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "price",
    "price_data",
    "proration_behavior",
    "proration_date",
    "quantity",
    "subscription",
    "trial_end",
    "trial_from_plan",
}


def read_terms(subscription: Obj, p: Params) -> BillingOptions:
    """How to bill the change; `billing_cycle_anchor` only if the operation has that parameter."""
    how = BillingOptions(
        proration_behavior=p.get("proration_behavior", "create_prorations"),
        proration_date=_proration_date(subscription, p),
        anchor=p.sub("billing_cycle_anchor").get("type"),
        payment_behavior=p.get("payment_behavior", "allow_incomplete"),
        off_session=p.get("off_session", False),
    )
    if how.payment_behavior == "pending_if_incomplete":
        if subscription["collection_method"] == "send_invoice":
            message = "`pending_if_incomplete` needs `collection_method=charge_automatically`."
            raise invalid(message, param="payment_behavior")
        unknown = [name for name in p.names() if name not in _PENDING]
        if unknown:
            message = f"When `payment_behavior` is set to `pending_if_incomplete`, you cannot pass `{unknown[0]}`."
            raise invalid(message, param=unknown[0])
    return how


def _proration_date(subscription: Obj, p: Params) -> int | None:
    """`proration_date`; 400 if it is outside of the current period."""
    at: int | None = p.get("proration_date")
    if at is None:
        return None
    items = subscription["items"]["data"]
    first, last = (choose(item[key] for item in items) for choose, key in ((min, _START), (max, _END)))
    check_within(at, first, last, p.name("proration_date"))
    return at


def check_within(at: int, first: int, last: int, param: str) -> None:
    """400 if the proration date is outside of the period."""
    if not first <= at <= last:
        raise invalid(
            f"Invalid proration_date: {at} is outside the current period, from {first} until {last}.", param=param
        )


_START, _END = "current_period_start", "current_period_end"


def check_changeable(subscription: Obj) -> None:
    """400 if the subscription has ended or is waiting for its first payment."""
    if subscription["status"] in {"canceled", "incomplete", "incomplete_expired"}:
        message = f"You cannot change the items or the billing of a subscription that is `{subscription['status']}`."
        raise invalid(message)


def trial_end_of(tx: Tx, p: Params) -> int | None:
    """`trial_end` in epoch seconds, at most two years ahead; None if it is not given."""
    given = p.get("trial_end")
    if given is None:
        return None
    if given == "now":
        return tx.now
    moment = int(given)
    if moment <= tx.now:
        message = "Invalid timestamp: must be an integer Unix timestamp in the future."
        raise invalid(message, param=p.name("trial_end"))
    if moment > tx.now + _MAX_TRIAL_SECONDS:
        raise invalid("A trial can be at most two years long.", param=p.name("trial_end"))
    return moment


_MAX_TRIAL_SECONDS = LONGEST_TRIAL_DAYS * 24 * 3600
