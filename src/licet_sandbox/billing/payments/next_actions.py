"""3-D Secure of an intent that was confirmed through the API: where the customer goes, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def remember_return(intent: Obj, return_url: str | None) -> None:
    """The address that the customer is to come back to; None where Stripe's own scripts show the bank's question."""
    intent["_"] = intent.get("_", {}) | {"return_url": return_url}


def next_action(tx: Tx, intent: Obj) -> Obj:
    """What is left to do: a page to send the customer to, where there is a way back, else a matter for Stripe.js."""
    return_url = intent.get("_", {}).get("return_url")
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
    page = {"return_url": return_url, "url": f"{tx.host.base_url}/3ds/{intent['id']}"}
    return {"type": "redirect_to_url", "redirect_to_url": page}


def way_back(intent: Obj, *, completed: bool) -> str | None:
    """The return address with Stripe's parameters added to its own; None where none was given."""
    return_url: str | None = intent.get("_", {}).get("return_url")
    if return_url is None:
        return None
    kind = intent["object"]
    outcome = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if completed else "failed",
    }
    parts = urlsplit(return_url)
    query = "&".join(part for part in (parts.query, urlencode(outcome)) if part)
    return urlunsplit(parts._replace(query=query))
