"""Recovery of expired checkout sessions: `after_expiration.recovery`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout.totals import compute_session_totals
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.ids import new_id

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600
_RECOVERABLE_SECONDS = 30 * _DAY
# What belongs to the first buyer and is not copied.
_PERSONAL = ("answers", "buyer", "intent", "method", "setup")


def set_recovery_url(tx: Tx, session: Obj) -> None:
    """Gives an expiring session its recovery URL; the caller saves."""
    recovery = (session["after_expiration"] or {}).get("recovery")
    if recovery is not None and recovery["enabled"]:
        url = f"{tx.host.base_url}/c/recover/{session['id']}"
        session["after_expiration"] = {"recovery": recovery | {"url": url, "expires_at": tx.now + _RECOVERABLE_SECONDS}}


def recover_session(tx: Tx, session: Obj) -> Obj:
    """Creates a new session like this expired one; 410 if it cannot be recovered any more."""
    recovery = (session["after_expiration"] or {}).get("recovery")
    if recovery is None or recovery["url"] is None or recovery["expires_at"] <= tx.now:
        raise _not_recoverable()
    again = copy.deepcopy(session)
    again["_"] = {key: value for key, value in again["_"].items() if key not in _PERSONAL}
    data = again["_"]["subscription_data"]
    if (data.get("trial_end") or tx.now + 1) <= tx.now:
        data["trial_end"] = None
    for line in again["_"]["line_items"]:
        line["id"] = new_id("item")
    session_id = new_id("checkout.session")
    again |= {
        "id": session_id,
        "created": tx.now,
        "expires_at": tx.now + _DAY,
        "after_expiration": {"recovery": recovery | {"url": None, "expires_at": None}},
        "recovered_from": session["id"],
        "payment_intent": None,
        "status": "open",
        "url": f"{tx.host.base_url}/c/pay/{session_id}",
    }
    if recovery["allow_promotion_codes"] and not again["discounts"]:
        again["allow_promotion_codes"] = True
    compute_session_totals(tx, again)
    tx.insert(again)
    tx.schedule("checkout.expire", session_id, again["expires_at"])
    return again


def _not_recoverable() -> StripeError:
    return invalid("This checkout cannot be opened again.", status=410)
