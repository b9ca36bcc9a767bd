"""An event with its snapshot, and its place in the delivery queue of each endpoint that wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# A delivery that a fault moved waits for this long (seconds) at most for the later ones that shall overtake it.
HOLD_SECONDS = 1.0


def make_event(tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
    """Store the event in the same transaction as the change, and queue it."""
    data: Obj = {"object": obj} if previous is None else {"object": obj, "previous_attributes": previous}
    endpoints = [endpoint for endpoint in tx.select("webhook_endpoint") if wants(endpoint, event_type)]
    event = tx.new(
        "event",
        type=event_type,
        data=data,
        api_version=API_VERSION,
        pending_webhooks=len(endpoints),
        request={"id": tx.cause.request_id, "idempotency_key": tx.cause.idempotency_key},
    )
    tx.engine.check("event", event_type, event)
    tx.insert(event)
    seq = tx.store.value("SELECT seq FROM objects WHERE id = ?", event["id"])
    displacements = tx.engine.faults.displace_event(len(endpoints))
    for endpoint, moved in zip(endpoints, displacements, strict=True):
        for by in moved:
            _queue(tx, event["id"], seq, endpoint["id"], by * len(endpoints))


def wants(endpoint: Obj, event_type: str) -> bool:
    """Does this endpoint listen to events of this type?"""
    types = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in types or event_type in types)


def _queue(tx: Tx, event_id: str, seq: int, endpoint_id: str, later: int) -> None:
    base = tx.store.value("SELECT coalesce(max(id), 0) + 1 FROM deliveries")
    tx.store.run(
        "INSERT INTO deliveries (event_id, event_seq, endpoint_id, position, state, next_at)"
        " VALUES (?, ?, ?, ?, 'pending', ?)",
        event_id,
        seq,
        endpoint_id,
        base + later + 0.5 if later else base,
        tx.engine.clock.timestamp() + HOLD_SECONDS if later else 0,
    )
