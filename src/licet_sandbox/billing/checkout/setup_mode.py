"""Checkout sessions without a payment: `setup` mode, and subscriptions with nothing due today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.setup_intents import authenticate_setup, cancel_setup, confirm_setup, make_setup

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def find_setup(tx: Tx, session: Obj) -> Obj | None:
    """The session's setup intent, or None. Only a session in `setup` mode shows it."""
    setup_id = session["_"].get("setup")
    return None if setup_id is None else tx.get("setup_intent", setup_id)


def ensure_setup(tx: Tx, session: Obj) -> Obj:
    """The session's setup intent; makes one if there is none.

    In `setup` mode it is made with the session, else when the buyer confirms.
    """
    found = find_setup(tx, session)
    if found is not None:
        return found
    three_d_secure = session["payment_method_options"]["card"]["request_three_d_secure"]
    card = {"mandate_options": None, "network": None, "request_three_d_secure": three_d_secure}
    made = make_setup(
        tx,
        customer=session["customer"],
        payment_method_options={"card": card},
        _={"checkout": session["id"]},
        **session["_"].get("setup_intent_data", {}),
    )
    session["_"]["setup"] = made["id"]
    if session["mode"] == "setup":
        session["setup_intent"] = made["id"]
    return made


def save_card(tx: Tx, session: Obj, method: Obj) -> bool:
    """Sets up the card for the session's customer; False if 3D Secure must be completed first.

    A refusal raises its 402.
    """
    setup = ensure_setup(tx, session)
    setup["customer"] = session["customer"]
    tx.save(session)
    confirm_setup(tx, setup, method)
    return bool(setup["status"] == "succeeded")


def authenticate_card(tx: Tx, session: Obj, *, completed: bool) -> None:
    """Completes or fails 3D Secure; a failure raises its 402."""
    setup = ensure_setup(tx, session)
    setup["customer"] = session["customer"]
    authenticate_setup(tx, setup, completed=completed)


def abandon_setup(tx: Tx, session: Obj) -> None:
    """Cancels the setup intent of an expired session."""
    setup = find_setup(tx, session)
    if setup is not None and setup["status"] not in {"succeeded", "canceled"}:
        cancel_setup(tx, setup, "abandoned")
