"""A customer changes the plan or quantity in the portal: the cost of a change, and the change itself.

A change that is invoiced immediately takes effect when the invoice is paid. Until then it is a pending update, which
a declined card or failed 3D Secure cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection import pending_updates
from licet_sandbox.billing.hosted_payment import invoice_requires_action
from licet_sandbox.billing.invoices.invoices import open_payment
from licet_sandbox.billing.next_due import next_period_end
from licet_sandbox.billing.portal.portal_plans import (
    check_choice,
    is_current_plan,
    only_item,
    pending_change,
    schedule_change,
    waits_for_period_end,
)
from licet_sandbox.errors import StripeError, card_error
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.previews import previews
from licet_sandbox.resources.subscriptions import subscriptions

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_plans import PlanChoice
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_QUOTE_AGE_SECONDS = 3600
_NO_CARD = {"code": "missing", "message": "There is no card to pay with. Add a card first."}


@dataclass(frozen=True)
class Cost:
    """What a change costs, in minor units.

    due: to pay today; credit: kept for later invoices
    next_at, next_amount: time and amount of the next invoice, if nothing is invoiced today
    """

    due: int
    credit: int
    next_at: int
    next_amount: int | None


def preview_cost(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> Cost:
    """The cost of a change, from the API's invoice preview."""
    if waits_for_period_end(feature, subscription, choice) or is_current_plan(subscription, choice):
        return Cost(0, 0, next_period_end(subscription), None)
    details = _terms(tx, feature, subscription, choice)
    with tx.rehearsal():
        _discount(tx, subscription["id"], choice)
        invoice = previews.create_preview(
            tx, Params({"subscription": subscription["id"], "subscription_details": details})
        )
    if invoice["created"] > tx.now:
        return Cost(0, 0, invoice["created"], invoice["amount_due"])
    return Cost(
        invoice["amount_due"], max(0, -invoice["total"] - invoice["starting_balance"]), invoice["created"], None
    )


def change_plan(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> str | None:
    """Change the plan. Returns None if done, or the id of the invoice that requires 3D Secure first.

    Raises the 402 of a declined payment; then nothing has changed.
    """
    if _is_already_applied(tx, subscription, choice):
        return None
    check_choice(tx, feature, subscription, choice)
    if waits_for_period_end(feature, subscription, choice):
        _discount(tx, subscription["id"], choice)
        schedule_change(tx, subscription, choice)
        return None
    terms = _terms(tx, feature, subscription, choice) | {"payment_behavior": "pending_if_incomplete"}
    if choice.discounts:
        # A pending update cannot have discounts: with one, the change is paid immediately or fails.
        terms |= {
            "discounts": _with_existing(tx, subscription, choice.discounts),
            "payment_behavior": "error_if_incomplete",
        }
    given = Params(terms)
    subscriptions.update(tx, given, subscription["id"])
    given.end()
    invoice_id = pending_updates.update_invoice_id(subscription)
    if invoice_id is None:
        return None
    if invoice_requires_action(tx, tx.get("invoice", invoice_id)):
        return invoice_id
    raise _cancel_unpaid_change(tx, subscription, invoice_id)


def _is_already_applied(tx: Tx, subscription: Obj, choice: PlanChoice) -> bool:
    """True if the choice is the current plan, or is already scheduled: the form was sent twice."""
    phase = pending_change(tx, subscription)
    if phase is not None:
        (item,) = phase["items"]
        return bool((item["price"], item["quantity"]) == (choice.price["id"], choice.quantity))
    return is_current_plan(subscription, choice) and not _new_discounts(tx, subscription, choice.discounts)


def cancel_pending_change(tx: Tx, subscription: Obj) -> None:
    """Discard the change that was waiting for 3D Secure, and void its invoice."""
    pending_updates.discard_update(tx, subscription)


def _cancel_unpaid_change(tx: Tx, subscription: Obj, invoice_id: str) -> StripeError:
    intent = tx.get("payment_intent", open_payment(tx, tx.get("invoice", invoice_id))["payment"]["payment_intent"])
    failure = intent["last_payment_error"] or _NO_CARD
    cancel_pending_change(tx, subscription)
    return card_error(failure["message"], failure["code"], failure.get("decline_code"))


def _terms(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> dict[str, Any]:
    """The change as parameters of the API, billed as the configuration says."""
    item = {"id": only_item(subscription)["id"], "price": choice.price["id"], "quantity": choice.quantity}
    terms: dict[str, Any] = {"items": [item], "proration_behavior": feature["proration_behavior"]}
    if subscription["status"] == "trialing":
        return terms | ({"trial_end": "now"} if feature["trial_update_behavior"] == "end_trial" else {})
    if feature["billing_cycle_anchor"] == "now":
        terms["billing_cycle_anchor"] = {"type": "now"}
    return terms | {"proration_date": _proration_time(tx, subscription, choice.at)}


def _proration_time(tx: Tx, subscription: Obj, at: int | None) -> int:
    """When the customer saw the amount, if recent: proration from then charges exactly that amount."""
    earliest = max(only_item(subscription)["current_period_start"], tx.now - _MAX_QUOTE_AGE_SECONDS)
    return at if at is not None and earliest <= at <= tx.now else tx.now


def _discount(tx: Tx, subscription_id: str, choice: PlanChoice) -> None:
    if choice.discounts:
        add_discounts(tx, tx.get("subscription", subscription_id), choice.discounts)


def add_discounts(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> None:
    """Add discounts to those of the subscription; 400 for one that is not valid."""
    params = Params({"discounts": _with_existing(tx, subscription, discounts)})
    subscriptions.update(tx, params, subscription["id"])
    params.end()


def _with_existing(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> list[Obj]:
    return [*({"discount": one} for one in subscription["discounts"]), *_new_discounts(tx, subscription, discounts)]


def _new_discounts(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> list[Obj]:
    """The discounts that the subscription does not have yet, without null keys."""
    present = [tx.get("discount", one) for one in subscription["discounts"]]
    codes = {one["promotion_code"] for one in present}
    coupons = {one["source"]["coupon"] for one in present}
    return [
        {name: value for name, value in one.items() if value is not None}
        for one in discounts
        if one.get("promotion_code") not in codes - {None} and one.get("coupon") not in coupons
    ]
