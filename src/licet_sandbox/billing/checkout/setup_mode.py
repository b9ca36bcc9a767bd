"""A checkout session that only keeps a card: `setup` mode, and subscriptions of which nothing is due today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.setup_intents import authenticate_setup, cancel_setup, confirm_setup, make_setup

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def setup_of(tx: Tx, session: Obj) -> Obj | None:
    """The session's setup intent, where there is one yet. Only in `setup` mode the session shows it."""
    setup_id = session["_"].get("setup")
    return None if setup_id is None else tx.get("setup_intent", setup_id)


def begin_setup(tx: Tx, session: Obj) -> Obj:
    """The setup intent: of a session in `setup` mode from the start, else made when the buyer confirms."""
    found = setup_of(tx, session)
    if found is not None:
        return found
    wanted = session["payment_method_options"]["card"]["request_three_d_secure"]
    made = make_setup(
        tx,
        customer=session["customer"],
        payment_method_options={"card": {"mandate_options": None, "network": None, "request_three_d_secure": wanted}},
        _={"checkout": session["id"]},
        **session["_"].get("setup_intent_data", {}),
    )
    session["_"]["setup"] = made["id"]
    if session["mode"] == "setup":
        session["setup_intent"] = made["id"]
    return made


def keep_card(tx: Tx, session: Obj, method: Obj) -> bool:
    """Set the card up for the session's customer. False where 3-D Secure is wanted first; a refusal raises its 402."""
    setup = begin_setup(tx, session)
    setup["customer"] = session["customer"]
    tx.save(session)
    confirm_setup(tx, setup, method)
    return bool(setup["status"] == "succeeded")


def leave_authentication(tx: Tx, session: Obj, *, completed: bool) -> None:
    """The buyer went through 3-D Secure, or failed there (raises its 402)."""
    setup = begin_setup(tx, session)
    setup["customer"] = session["customer"]
    authenticate_setup(tx, setup, completed=completed)


def abandon_setup(tx: Tx, session: Obj) -> None:
    """The session has expired: what it waited for will not come."""
    setup = setup_of(tx, session)
    if setup is not None and setup["status"] not in {"succeeded", "canceled"}:
        cancel_setup(tx, setup, "abandoned")
