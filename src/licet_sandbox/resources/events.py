"""Events, each with its object as it was at the time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid
from licet_sandbox.kit.lists import Where, page, ranged

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Waiting, given up, or dropped by a fault.
_NOT_DELIVERED = "state IN ('queued', 'waiting', 'failed', 'dropped')"
_UNDELIVERED = f"SELECT count(DISTINCT endpoint_id) FROM deliveries WHERE event_id = ? AND {_NOT_DELIVERED}"  # noqa: S608


def retrieve(tx: Tx, _: Params, event_id: str) -> Obj:
    """Retrieve an event."""
    return _with_pending(tx, tx.get("event", event_id))


def list_all(tx: Tx, p: Params) -> Obj:
    """List events, newest first; `type` may end in `*`."""
    wheres = _between(p)
    event_type, types = p.text("type"), p.get("types", [])
    if event_type and types:
        raise invalid("You cannot use both `type` and `types`.", param="types", code="parameters_exclusive")
    if event_type:
        wheres.append(("json ->> '$.type' GLOB ?", (event_type,)))
    if types:
        wheres.append(("json ->> '$.type' IN (SELECT value FROM json_each(?))", (json.dumps(types),)))
    if "delivery_success" in p:
        negated = "NOT " if p.get("delivery_success") else ""
        queued = f"SELECT 1 FROM deliveries WHERE event_id = objects.id AND {_NOT_DELIVERED}"  # noqa: S608
        wheres.append((f"{negated}EXISTS ({queued})", ()))
    listed = page(tx, p, "event", "/v1/events", wheres)
    return {**listed, "data": [_with_pending(tx, event) for event in listed["data"]]}


def _between(p: Params) -> list[Where]:
    """The range of `seq` that the filter `created` covers, so that no row outside of it is read."""
    if "created" not in p:
        return []
    times = ranged(p, "created", "created")
    of_time = " AND ".join(sql for sql, _ in times)
    within = f"FROM objects INDEXED BY objects_event_created WHERE kind = 'event' AND {of_time}"
    values = tuple(value for _, group in times for value in group)
    return [(f"seq BETWEEN (SELECT min(seq) {within}) AND (SELECT max(seq) {within})", values * 2)]


def _with_pending(tx: Tx, event: Obj) -> Obj:
    """The event with `pending_webhooks`, the number of endpoints that have not received it."""
    return {**event, "pending_webhooks": tx.store.value(_UNDELIVERED, event["id"])}
