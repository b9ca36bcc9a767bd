"""What became of a delivery, written down: taken, tried again later, or given up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from licet_sandbox.state.text import decode, encode

if TYPE_CHECKING:
    import sqlite3

    from licet_sandbox.state.store import Store

log = logging.getLogger("licet_sandbox.delivery")

# Seconds from one try to the next, on the sandbox's clock: about three days in all, as Stripe's live mode does.
BACKOFF_SECONDS = (10, 60, 300, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)

# `at`, `status`, `error`, `body` and `milliseconds`; without an answer there is only an error.
Answer = dict[str, Any]
# A delivery, and what became of its request: None when its endpoint is gone or disabled.
Outcome = tuple["sqlite3.Row", Answer | None]


def is_delivered(answer: Answer | None) -> bool:
    """Was it taken? Stripe counts any 2xx."""
    return answer is not None and answer["status"] is not None and 200 <= answer["status"] < 300


def record(store: Store, now: float, row: sqlite3.Row, answer: Answer | None) -> None:
    """Write it down; now: on the sandbox's clock."""
    if answer is None:
        store.run("UPDATE deliveries SET state = 'canceled' WHERE id = ?", row["id"])
        return
    attempts = row["attempts"] + 1
    state, next_at = _what_follows(answer, attempts, now)
    if state != "delivered":
        log.warning("delivery %s of %s: %s", row["id"], row["event_id"], answer["status"] or answer["error"])
    answers = encode([*decode(row["answers"]), answer])
    change = "UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, answers = ? WHERE id = ?"
    store.run(change, state, attempts, next_at, answers, row["id"])


def _what_follows(answer: Answer, attempts: int, now: float) -> tuple[str, float]:
    """The delivery's new state, and when it is tried again."""
    if is_delivered(answer):
        return "delivered", 0.0
    if attempts > len(BACKOFF_SECONDS):
        return "failed", 0.0
    return "waiting", now + BACKOFF_SECONDS[attempts - 1]
