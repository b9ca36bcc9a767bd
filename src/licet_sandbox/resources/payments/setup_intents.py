"""Setup intents: create, update, confirm, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.payments import setup_intents
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.payments.intent_params import (
    apply_return_url,
    automatic_methods,
    check_method_owner,
    check_secret,
    check_status,
    choose_customer,
    choose_method,
    method_types,
    only_when_confirmed,
    required_method,
    setup_card_options,
    unexpected_state,
)

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_ENDED = ("succeeded", "canceled")
# Parameters that are allowed in every status.
_ALWAYS_EDITABLE = {"description", "expand", "metadata"}


def create(tx: Tx, p: Params) -> Obj:
    """Create a setup intent, and confirm it with `confirm=true`."""
    p.refuse("attach_to_self", False)
    confirming = p.get("confirm", False)
    if not confirming:
        only_when_confirmed(p, "return_url", "use_stripe_sdk")
    chosen: Obj = {"object": "setup_intent", "customer": None, "payment_method": None}
    choose_customer(tx, chosen, p)
    choose_method(tx, chosen, p)
    setup = setup_intents.make_setup(
        tx,
        automatic_payment_methods=automatic_methods(p),
        customer=chosen["customer"],
        description=p.text("description"),
        metadata=metadata_of(p),
        payment_method=chosen["payment_method"],
        usage=p.get("usage", "off_session"),
        **method_types(p),
        **setup_card_options(p, "mandate_options", "network"),
    )
    if confirming:
        _confirm(tx, setup, p)
    return setup


def confirm(tx: Tx, p: Params, setup_id: str) -> Obj:
    """Confirm a setup intent: set up the card for future payments."""
    setup = tx.get("setup_intent", setup_id)
    check_status(setup, "confirm", *_ENDED)
    _check_not_checkout(setup, "confirm")
    setup |= method_types(p) | setup_card_options(p, "mandate_options", "network")
    choose_method(tx, setup, p)
    _confirm(tx, setup, p)
    return setup


def _confirm(tx: Tx, setup: Obj, p: Params) -> None:
    apply_return_url(setup, p)
    method = required_method(tx, setup)
    # Refuse unsupported parameters now: a decline would keep its effects.
    p.end()
    setup_intents.confirm_setup(tx, setup, method)


def update(tx: Tx, p: Params, setup_id: str) -> Obj:
    """Update a setup intent without confirming it. Like Stripe, sends no event."""
    setup = tx.get("setup_intent", setup_id)
    p.refuse("attach_to_self", False)
    if set(p.names()) - _ALWAYS_EDITABLE:
        check_status(setup, "update", *_ENDED)
    setup |= method_types(p) | setup_card_options(p, "mandate_options", "network")
    choose_customer(tx, setup, p)
    choose_method(tx, setup, p)
    check_method_owner(tx, setup)
    if "description" in p:
        setup["description"] = p.text("description")
    merge_metadata(setup, p)
    return tx.save(setup)


def cancel(tx: Tx, p: Params, setup_id: str) -> Obj:
    """Cancel a setup intent."""
    setup = tx.get("setup_intent", setup_id)
    check_status(setup, "cancel", *_ENDED)
    _check_not_checkout(setup, "cancel")
    setup_intents.cancel_setup(tx, setup, p.get("cancellation_reason"))
    return setup


def _check_not_checkout(setup: Obj, doing: str) -> None:
    """400 if the intent belongs to a checkout session, which controls it."""
    if setup.get("_", {}).get("checkout"):
        message = f"You cannot {doing} the SetupIntent of a Checkout Session. Expire the Checkout Session instead."
        raise unexpected_state(setup, message)


def retrieve(tx: Tx, p: Params, setup_id: str) -> Obj:
    """Retrieve a setup intent."""
    return check_secret(tx.get("setup_intent", setup_id), p)


def list_all(tx: Tx, p: Params) -> Obj:
    """List setup intents, newest first."""
    p.refuse("attach_to_self", False)
    return page(tx, p, "setup_intent", "/v1/setup_intents", same(p, "customer", "payment_method"))
