"""A customer adds, chooses and removes cards in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.collection import payment_method_for_subscription
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.payments.payment_methods import make_method
from licet_sandbox.billing.payments.setup_intents import authenticate_setup, confirm_setup, make_setup
from licet_sandbox.errors import invalid, not_found
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.customers import customers
from licet_sandbox.resources.payments import payment_methods
from licet_sandbox.resources.subscriptions import subscriptions

if TYPE_CHECKING:
    from licet_sandbox.billing.payments.cards import TypedCard
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def cards_of(tx: Tx, visit: Visit) -> list[Obj]:
    """The customer's cards, newest first."""
    return tx.select("payment_method", "json ->> '$.customer' = ?", visit.customer["id"])[::-1]


def add_card(tx: Tx, visit: Visit, typed: TypedCard, form: str) -> Obj:
    """Set up a card and make it the default. Returns its setup intent: `succeeded` or `requires_action`.

    form: id of the submitted form; submitting it again adds no second card
    """
    setup = _find_or_make_setup(tx, visit, form)
    if setup["status"] in {"succeeded", "requires_action"}:
        return setup
    customer = visit.customer
    method = make_method(
        tx,
        typed.card,
        exp_month=typed.exp_month,
        exp_year=typed.exp_year,
        email=customer["email"],
        name=customer["name"],
    )
    confirm_setup(tx, setup, method)
    _make_default_if_ready(tx, visit, setup)
    return setup


def _find_or_make_setup(tx: Tx, visit: Visit, form: str) -> Obj:
    where = "json ->> '$.customer' = ? AND json ->> '$._.form' = ?"
    found = tx.select("setup_intent", where, visit.customer["id"], form)
    return found[0] if found else make_setup(tx, customer=visit.customer["id"], _={"form": form})


def get_card_setup(tx: Tx, visit: Visit, setup_id: str) -> Obj:
    """The setup intent of a card that is being added in the portal; 404 for any other."""
    setup = visit.own(tx, "setup_intent", setup_id)
    if "form" not in setup.get("_", {}):
        raise not_found("setup_intent", setup_id)
    return setup


def authenticate_card(tx: Tx, visit: Visit, setup: Obj, *, completed: bool) -> None:
    """Complete or fail 3D Secure of a card that is being added; a failure raises its 402."""
    if setup["status"] == "requires_action":
        authenticate_setup(tx, setup, completed=completed)
        _make_default_if_ready(tx, visit, setup)


def _make_default_if_ready(tx: Tx, visit: Visit, setup: Obj) -> None:
    if setup["status"] == "succeeded":
        make_default(tx, visit, setup["payment_method"])


def make_default(tx: Tx, visit: Visit, method_id: str) -> None:
    """Make a card the customer's default, for subscriptions without a card of their own."""
    visit.own(tx, "payment_method", method_id)
    customers.update(tx, Params({"invoice_settings": {"default_payment_method": method_id}}), visit.customer["id"])


def set_subscription_card(tx: Tx, visit: Visit, subscription: Obj, method_id: str) -> None:
    """Set the card of a subscription; an empty id selects the customer's default."""
    if method_id:
        visit.own(tx, "payment_method", method_id)
    subscriptions.update(tx, Params({"default_payment_method": method_id}), subscription["id"])


def may_remove(tx: Tx, method: Obj) -> bool:
    """True unless the card pays for a subscription."""
    mine = tx.select("subscription", "json ->> '$.customer' = ?", method["customer"])
    paying = [payment_method_for_subscription(tx, subscription) for subscription in mine if not ended(subscription)]
    return all(card is None or card["id"] != method["id"] for card in paying)


def remove_card(tx: Tx, visit: Visit, method_id: str) -> None:
    """Detach a card; 400 if it pays for a subscription. Detaching it again changes nothing."""
    method = tx.get("payment_method", method_id)
    if method["customer"] is None and method["_"].get("detached"):
        return
    visit.own(tx, "payment_method", method_id)
    if not may_remove(tx, method):
        raise invalid(
            "This card pays for a subscription. Choose another card for the subscription first.", param="card"
        )
    payment_methods.detach(tx, Params({}), method_id)
