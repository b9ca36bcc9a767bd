"""Idempotency keys: repeats the first response to a POST with the same key for 24 hours of real time."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from licet_sandbox.api.form import parse_form
from licet_sandbox.errors import StripeError, invalid

if TYPE_CHECKING:
    from licet_sandbox.events.signing import Signer
    from licet_sandbox.state.store import Store

KEY_LIFETIME_SECONDS = 24 * 3600


class Idempotency:
    """The stored responses, and the keys whose first request is still running."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer
        self._running: set[str] = set()

    def begin(self, key: str, fingerprint_: str) -> tuple[int, dict[str, Any]] | None:
        """The stored status and body, or None: then the caller runs the request and calls `end`.

        Raises Stripe's 400 if the request differs from the first one, and its 409 while the first one runs.
        """
        if len(key) > 255:
            raise invalid("Idempotency keys can be at most 255 characters long.")
        if key in self._running:
            message = (
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later."
            )
            raise StripeError(409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message})
        self._store.run("DELETE FROM idempotency WHERE wall_created < ?", time.time() - KEY_LIFETIME_SECONDS)
        row = self._store.row("SELECT * FROM idempotency WHERE key = ?", key)
        if row is None:
            self._running.add(key)
            return None
        if row["fingerprint"] != fingerprint_:
            raise _different_request(key, row["fingerprint"], fingerprint_)
        return row["status"], self._with_secret(json.loads(row["body"]))

    def end(self, key: str) -> None:
        """Marks the key's request as no longer running."""
        self._running.discard(key)

    def keep(self, key: str, fingerprint_: str, status: int, body: dict[str, Any]) -> None:
        """Stores the response. Call it in the request's own transaction, so that both commit or neither."""
        without = {**body, "secret": True} if "secret" in body else body
        sql = "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)"
        self._store.run(sql, key, fingerprint_, status, json.dumps(without), time.time())

    def _with_secret(self, body: dict[str, Any]) -> dict[str, Any]:
        """Restores the secret of a created webhook endpoint, which is never stored."""
        if body.get("secret") is True:
            return {**body, "secret": self._signer.secret(body["id"])}
        return body


def fingerprint(method: str, path: str, form: str) -> str:
    """The endpoint and a hash of the parameters in any order; a replay must have the same."""
    tree = json.dumps(parse_form(form), sort_keys=True)
    return f"{method} {path} {hashlib.sha256(tree.encode()).hexdigest()}"


def _different_request(key: str, first: str, now: str) -> StripeError:
    endpoint = first.rpartition(" ")[0]
    if endpoint == now.rpartition(" ")[0]:
        what = "with the same parameters they were first used with"
    else:
        what = f"for the same endpoint they were first used for ('{endpoint}')"
    message = (
        f"Keys for idempotent requests can only be used {what}. Try using a key other than '{key}' if you meant to "
        "execute a different request."
    )
    return StripeError(400, {"type": "idempotency_error", "message": message})
