"""`pending_setup_intent`: sets up the card of a subscription while nothing is paid.

It is created if nothing is due at the start, or if a new card requires 3D Secure. It is removed from the subscription
once it has succeeded. Source: Stripe, "Set up payment methods for subscriptions with no initial payment".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.collection import payment_method_for_subscription
from licet_sandbox.billing.payments.payment_intents import needs_authentication
from licet_sandbox.billing.payments.setup_intents import confirm_setup, make_setup
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def create_pending_setup_intent(tx: Tx, subscription: Obj, *, confirmed: bool = True) -> None:
    """Creates a setup intent for the card that will pay.

    Without a card, or if it is not `confirmed`, the setup intent waits for the customer.
    """
    method = payment_method_for_subscription(tx, subscription)
    setup = make_setup(
        tx,
        customer=subscription["customer"],
        payment_method=None if method is None else method["id"],
        _={"subscription": subscription["id"]},
    )
    subscription["pending_setup_intent"] = setup["id"]
    if method is not None and confirmed:
        _try(tx, setup, method)
    tx.save(subscription, "customer.subscription.updated")


def authenticate_new_card(tx: Tx, subscription: Obj) -> None:
    """Asks for 3D Secure of a new card now, while the customer may be present."""
    method = payment_method_for_subscription(tx, subscription)
    if method is not None and needs_authentication(method, off_session=True):
        create_pending_setup_intent(tx, subscription)


def _try(tx: Tx, setup: Obj, method: Obj) -> None:
    """Confirms the setup intent. A refusal is recorded on it and not raised."""
    try:
        confirm_setup(tx, setup, method)
    except StripeError as refusal:
        if not refusal.keep:
            raise
