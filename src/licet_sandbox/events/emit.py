"""An event with its snapshot, and its place in the delivery queue of each endpoint that wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.events.layouts import SINCE
from licet_sandbox.events.rendering import render
from licet_sandbox.spec.document import API_VERSION
from licet_sandbox.state.text import encode

if TYPE_CHECKING:
    from licet_sandbox.faults import Copy
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# A delivery that a fault moved waits for this long (seconds) at most for the later ones that shall overtake it.
HOLD_SECONDS = 3.0


def make_event(tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
    """Store the event in the same transaction as the change, and queue it."""
    endpoints = [endpoint for endpoint in tx.endpoints if wants(endpoint, event_type)]
    event = tx.new(
        "event",
        type=event_type,
        data={"object": obj} if previous is None else {"object": obj, "previous_attributes": previous},
        api_version=API_VERSION,
        pending_webhooks=len(endpoints),
        request={"id": tx.cause.request_id, "idempotency_key": tx.cause.idempotency_key},
    )
    tx.engine.check("event", event_type, event)
    seq = tx.add(event)
    bodies = {version: _body(tx, event, version) for version in {version_of(endpoint) for endpoint in endpoints}}
    for endpoint, copies in zip(endpoints, tx.engine.faults.copies(len(endpoints)), strict=True):
        for copy in copies:
            # Endpoints share one row of places.
            later = copy.overtaken_by * len(endpoints)
            _queue(tx, event, endpoint, copy, seq=seq, body=bodies[version_of(endpoint)], later=later)


def wants(endpoint: Obj, event_type: str) -> bool:
    """Does this endpoint listen to events of this type, and does its version know them?"""
    types = endpoint["enabled_events"]
    listens = endpoint["status"] == "enabled" and ("*" in types or event_type in types)
    return listens and version_of(endpoint) >= SINCE.get(event_type, "")


def version_of(endpoint: Obj) -> str:
    """The API version of its events: its own, or the account's."""
    return str(endpoint["api_version"] or API_VERSION)


def _body(tx: Tx, event: Obj, version: str) -> str | None:
    """The event in an older layout; None for today's, which stands in `objects`."""
    if version == API_VERSION:
        return None
    rendered = render(tx, event, version)
    tx.engine.check("event", event["type"], rendered)
    return encode(rendered)


def _queue(tx: Tx, event: Obj, endpoint: Obj, copy: Copy, *, seq: int, body: str | None, later: int) -> None:
    now, store = tx.engine.clock.timestamp(), tx.store
    state, next_at = "queued", 0.0
    if copy.dropped:
        state = "dropped"
    elif copy.delay_seconds:
        # From the second it was made in, not from how far this machine has come since: the order repeats.
        made = tx.now if tx.clock is None else now
        state, next_at = "waiting", made + copy.delay_seconds
    elif copy.overtaken_by:
        next_at = now + HOLD_SECONDS
    delivery_id = store.run(
        "INSERT INTO deliveries (event_id, event_seq, endpoint_id, position, state, next_at, body, faults)"
        " VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM deliveries) + ?, ?, ?, ?, ?)",
        event["id"],
        seq,
        endpoint["id"],
        later + 0.5 if later else 0,
        state,
        next_at,
        body,
        encode(copy.names),
    )
    for name in copy.names:
        more = {"seconds": copy.delay_seconds} if name == "delay" else {}
        more |= {"overtakenBy": copy.overtaken_by} if name == "reorder" else {}
        tx.engine.faults.note(now, fault=name, deliveryId=delivery_id, eventType=event["type"], **more)
