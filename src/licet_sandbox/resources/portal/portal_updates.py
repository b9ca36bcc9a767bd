"""Another plan or quantity, chosen in the portal: what it would cost, and the change itself.

A change that is to be paid at once is made when it is paid: until then it is a pending update, which a declined card
or a failed 3-D Secure calls off.
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

_LONGEST_THOUGHT_SECONDS = 3600
_NO_CARD = {"code": "missing", "message": "There is no card to pay with. Add one first."}


@dataclass(frozen=True)
class Cost:
    """What a change comes to, in minor units. `credit`: what is left for later invoices.

    next_at, next_amount: when the next invoice comes, and what of, where nothing is invoiced at once
    """

    due: int
    credit: int
    next_at: int
    next_amount: int | None


def cost_of(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> Cost:
    """By the API's own preview of the same change."""
    if waits_for_period_end(feature, subscription, choice) or is_current_plan(subscription, choice):
        return Cost(0, 0, next_period_end(subscription), None)
    details = _terms(tx, feature, subscription, choice)
    with tx.rehearsal():
        _discount(tx, subscription["id"], choice)
        shown = previews.create_preview(
            tx, Params({"subscription": subscription["id"], "subscription_details": details})
        )
    if shown["created"] > tx.now:
        return Cost(0, 0, shown["created"], shown["amount_due"])
    return Cost(shown["amount_due"], max(0, -shown["total"] - shown["starting_balance"]), shown["created"], None)


def change(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> str | None:
    """Make the change: None when that is done, the id of its invoice where 3-D Secure is wanted first.

    A declined payment raises its 402, and nothing has changed.
    """
    if _is_made(tx, subscription, choice):
        return None
    check_choice(tx, feature, subscription, choice)
    if waits_for_period_end(feature, subscription, choice):
        _discount(tx, subscription["id"], choice)
        schedule_change(tx, subscription, choice)
        return None
    terms = _terms(tx, feature, subscription, choice) | {"payment_behavior": "pending_if_incomplete"}
    if choice.discounts:
        # Pending updates take no discounts: with one it is paid at once or not at all.
        terms |= {"discounts": _beside(tx, subscription, choice.discounts), "payment_behavior": "error_if_incomplete"}
    given = Params(terms)
    subscriptions.update(tx, given, subscription["id"])
    given.end()
    invoice_id = pending_updates.update_invoice_id(subscription)
    if invoice_id is None:
        return None
    if invoice_requires_action(tx, tx.get("invoice", invoice_id)):
        return invoice_id
    raise _called_off(tx, subscription, invoice_id)


def _is_made(tx: Tx, subscription: Obj, choice: PlanChoice) -> bool:
    """The same form, sent twice: it bills the choice already, or will from the end of the period on."""
    phase = pending_change(tx, subscription)
    if phase is not None:
        (item,) = phase["items"]
        return bool((item["price"], item["quantity"]) == (choice.price["id"], choice.quantity))
    return is_current_plan(subscription, choice) and not _fresh(tx, subscription, choice.discounts)


def call_off(tx: Tx, subscription: Obj) -> None:
    """The customer's bank said no: the change that waited for it is not made, and its invoice void."""
    pending_updates.discard_update(tx, subscription)


def _called_off(tx: Tx, subscription: Obj, invoice_id: str) -> StripeError:
    intent = tx.get("payment_intent", open_payment(tx, tx.get("invoice", invoice_id))["payment"]["payment_intent"])
    said = intent["last_payment_error"] or _NO_CARD
    call_off(tx, subscription)
    return card_error(said["message"], said["code"], said.get("decline_code"))


def _terms(tx: Tx, feature: Obj, subscription: Obj, choice: PlanChoice) -> dict[str, Any]:
    """The change in the API's parameters, billed as the configuration says."""
    item = {"id": only_item(subscription)["id"], "price": choice.price["id"], "quantity": choice.quantity}
    terms: dict[str, Any] = {"items": [item], "proration_behavior": feature["proration_behavior"]}
    if subscription["status"] == "trialing":
        return terms | ({"trial_end": "now"} if feature["trial_update_behavior"] == "end_trial" else {})
    if feature["billing_cycle_anchor"] == "now":
        terms["billing_cycle_anchor"] = {"type": "now"}
    return terms | {"proration_date": _moment(tx, subscription, choice.at)}


def _moment(tx: Tx, subscription: Obj, at: int | None) -> int:
    """The moment that the customer was shown the amount for, so that no second more is charged; not an old one."""
    earliest = max(only_item(subscription)["current_period_start"], tx.now - _LONGEST_THOUGHT_SECONDS)
    return at if at is not None and earliest <= at <= tx.now else tx.now


def _discount(tx: Tx, subscription_id: str, choice: PlanChoice) -> None:
    if choice.discounts:
        add_discounts(tx, tx.get("subscription", subscription_id), choice.discounts)


def add_discounts(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> None:
    """Beside those that the subscription has; 400 for one that does not hold."""
    params = Params({"discounts": _beside(tx, subscription, discounts)})
    subscriptions.update(tx, params, subscription["id"])
    params.end()


def _beside(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> list[Obj]:
    return [*({"discount": one} for one in subscription["discounts"]), *_fresh(tx, subscription, discounts)]


def _fresh(tx: Tx, subscription: Obj, discounts: tuple[Obj, ...]) -> list[Obj]:
    """Those that the subscription does not have yet, without the keys that name nothing."""
    present = [tx.get("discount", one) for one in subscription["discounts"]]
    codes = {one["promotion_code"] for one in present}
    coupons = {one["source"]["coupon"] for one in present}
    return [
        {name: value for name, value in one.items() if value is not None}
        for one in discounts
        if one.get("promotion_code") not in codes - {None} and one.get("coupon") not in coupons
    ]
