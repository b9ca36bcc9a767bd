"""Saves the outcome of a delivery: delivered, waiting for a retry, failed or canceled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from licet_sandbox.state.text import decode, encode

if TYPE_CHECKING:
    import sqlite3

    from licet_sandbox.state.store import Store

log = logging.getLogger("licet_sandbox.delivery")

# Seconds from one attempt to the next, on the sandbox's clock: about three days in all, as in Stripe's live mode.
BACKOFF_SECONDS = (10, 60, 300, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)

# `at`, `status`, `error`, `body` and `milliseconds`; without a response only `error` is set.
EndpointResponse = dict[str, Any]
# A delivery and the response; None when its endpoint is deleted or disabled.
DeliveryOutcome = tuple["sqlite3.Row", EndpointResponse | None]


def is_delivered(answer: EndpointResponse | None) -> bool:
    """True if the response was a 2xx. Stripe counts any 2xx as delivered."""
    return answer is not None and answer["status"] is not None and 200 <= answer["status"] < 300


def save_outcome(store: Store, now: float, row: sqlite3.Row, answer: EndpointResponse | None) -> None:
    """Saves the outcome. now: the time of the sandbox's clock."""
    if answer is None:
        store.run("UPDATE deliveries SET state = 'canceled' WHERE id = ?", row["id"])
        return
    attempts = row["attempts"] + 1
    state, next_at = _next_state(answer, attempts, now)
    if state != "delivered":
        log.warning("delivery %s of %s: %s", row["id"], row["event_id"], answer["status"] or answer["error"])
    answers = encode([*decode(row["answers"]), answer])
    change = "UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, answers = ? WHERE id = ?"
    store.run(change, state, attempts, next_at, answers, row["id"])


def _next_state(answer: EndpointResponse, attempts: int, now: float) -> tuple[str, float]:
    """The delivery's new state, and the time of its next attempt."""
    if is_delivered(answer):
        return "delivered", 0.0
    if attempts > len(BACKOFF_SECONDS):
        return "failed", 0.0
    return "waiting", now + BACKOFF_SECONDS[attempts - 1]
