"""Setup attempts: each try to set a card up, shown where `latest_attempt` is expanded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def begin_attempt(tx: Tx, setup: Obj, method: Obj) -> Obj:
    """A try that has not ended; the caller saves the setup intent, which names it."""
    card = method["card"]
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    details = {key: card[key] for key in shown} | {"network": card["brand"], "three_d_secure": None, "wallet": None}
    attempt = tx.create(
        "setup_attempt",
        customer=setup["customer"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": details},
        setup_intent=setup["id"],
        status="requires_confirmation",
        usage=setup["usage"],
    )
    setup["latest_attempt"] = attempt["id"]
    return attempt


def end_attempt(tx: Tx, setup: Obj, status: str, error: Obj | None = None) -> None:
    """How far the latest try got: `requires_action`, `succeeded`, `failed` or `abandoned`."""
    if setup["latest_attempt"] is None:
        return
    attempt = tx.get("setup_attempt", setup["latest_attempt"])
    attempt |= {"status": status, "setup_error": error}
    tx.save(attempt)
