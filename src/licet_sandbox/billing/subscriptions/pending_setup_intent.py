"""`pending_setup_intent`: the card of a subscription that is to be made ready while nothing is paid.

Made where nothing is due at the start, and where another card is chosen that wants 3-D Secure. It is gone from the
subscription as soon as it has succeeded. Source: Stripe, "Set up payment methods for subscriptions with no initial
payment".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.collection.collection import method_of
from licet_sandbox.billing.payments.payment_intents import needs_authentication
from licet_sandbox.billing.payments.setup_intents import confirm_setup, make_setup
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def prepare_card(tx: Tx, subscription: Obj, *, confirmed: bool = True) -> None:
    """Set up the card that will pay; without one, or not confirmed, the setup intent waits for the customer."""
    method = method_of(tx, subscription)
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


def prepare_other_card(tx: Tx, subscription: Obj) -> None:
    """Another card was chosen: ask for 3-D Secure now, while the customer may be there."""
    method = method_of(tx, subscription)
    if method is not None and needs_authentication(method, off_session=True):
        prepare_card(tx, subscription)


def _try(tx: Tx, setup: Obj, method: Obj) -> None:
    """A refusal stands in the setup intent; the subscription is made all the same."""
    try:
        confirm_setup(tx, setup, method)
    except StripeError as refusal:
        if not refusal.keep:
            raise
