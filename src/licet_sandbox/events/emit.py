"""Makes events with their snapshots and queues them for every webhook endpoint that listens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.events.layouts import SINCE
from licet_sandbox.events.rendering import render_event
from licet_sandbox.spec.document import API_VERSION
from licet_sandbox.state.text import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from licet_sandbox.clock import Clock
    from licet_sandbox.faults import Faults, PlannedDelivery
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Seconds: the longest that a reordered delivery waits for later ones to overtake it.
HOLD_SECONDS = 3.0


class Emitter:
    """Makes events and queues their deliveries.

    check: called with ("event", event type, event) for every event and every rendering of it in an older version
    """

    def __init__(self, clock: Clock, faults: Faults, check: Callable[[str, str, Any], None]) -> None:
        self._clock = clock
        self._faults = faults
        self._check = check

    def emit(self, tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
        """Stores the event with its change, and queues it for every endpoint that listens to it."""
        endpoints = [endpoint for endpoint in tx.endpoints if wants(endpoint, event_type)]
        event = tx.new(
            "event",
            type=event_type,
            data={"object": obj} if previous is None else {"object": obj, "previous_attributes": previous},
            api_version=API_VERSION,
            pending_webhooks=len(endpoints),
            request={"id": tx.cause.request_id, "idempotency_key": tx.cause.idempotency_key},
        )
        self._check("event", event_type, event)
        seq = tx.add(event)
        versions = {version_of(endpoint) for endpoint in endpoints}
        bodies = {version: self._render_older(tx, event, version) for version in versions}
        for endpoint, copies in zip(endpoints, self._faults.plan_deliveries(len(endpoints)), strict=True):
            for copy in copies:
                # Endpoints share one sequence of positions.
                later = copy.overtaken_by * len(endpoints)
                self._queue(tx, event, endpoint, copy, seq=seq, body=bodies[version_of(endpoint)], later=later)

    def _render_older(self, tx: Tx, event: Obj, version: str) -> str | None:
        """The event as JSON in the layout of an older version; None for the current version."""
        if version == API_VERSION:
            return None
        rendered = render_event(tx, event, version)
        self._check("event", event["type"], rendered)
        return encode(rendered)

    def _queue(
        self, tx: Tx, event: Obj, endpoint: Obj, copy: PlannedDelivery, *, seq: int, body: str | None, later: int
    ) -> None:
        now = self._clock.timestamp()
        state, next_at = "queued", 0.0
        if copy.dropped:
            state = "dropped"
        elif copy.delay_seconds:
            # Counted from the second in which the event was made, not from the present time of this machine's clock:
            # so the order of deliveries is the same in each run.
            made = tx.now if tx.clock is None else now
            state, next_at = "waiting", made + copy.delay_seconds
        elif copy.overtaken_by:
            next_at = now + HOLD_SECONDS
        delivery_id = tx.store.run(
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
            self._faults.record(now, fault=name, deliveryId=delivery_id, eventType=event["type"], **more)


def wants(endpoint: Obj, event_type: str) -> bool:
    """True if this endpoint listens to events of this type and its API version has them."""
    types = endpoint["enabled_events"]
    listens = endpoint["status"] == "enabled" and ("*" in types or event_type in types)
    return listens and version_of(endpoint) >= SINCE.get(event_type, "")


def version_of(endpoint: Obj) -> str:
    """The API version of the endpoint's events: its own, or the account's."""
    return str(endpoint["api_version"] or API_VERSION)
