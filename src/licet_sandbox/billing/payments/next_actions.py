"""3D Secure of an intent that was confirmed through the API: its page and its return URL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def set_return_url(intent: Obj, return_url: str | None) -> None:
    """Stores the URL that the customer returns to; None if Stripe.js shows the authentication."""
    intent["_"] = intent.get("_", {}) | {"return_url": return_url}


def next_action(tx: Tx, intent: Obj) -> Obj:
    """The intent's `next_action`: a redirect to the 3D Secure page, or Stripe.js without a return URL."""
    return_url = intent.get("_", {}).get("return_url")
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
    page = {"return_url": return_url, "url": f"{tx.host.base_url}/3ds/{intent['id']}"}
    return {"type": "redirect_to_url", "redirect_to_url": page}


def build_return_url(intent: Obj, *, completed: bool) -> str | None:
    """The return URL with Stripe's parameters added; None if none was given."""
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
