"""Describes the outgoing events in `/openapi.json`: headers, bodies and expected responses."""

from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any

from licet.http.openapi.webhooks import Webhook
from licet.http.shapes import EXAMPLE_ID
from licet.outbox.store import EventName
from licet.outgoing_webhooks.payloads.registry import EVENT_KINDS

TAG = "events"

_UUID = {"type": "string", "format": "uuid"}
_HEADERS: Sequence[tuple[str, Mapping[str, Any], str, str]] = (
    (
        "webhook-id",
        _UUID,
        EXAMPLE_ID,
        "The event's `id`, the same in every attempt and for every endpoint. Use it to ignore repeated deliveries.",
    ),
    (
        "webhook-timestamp",
        {"type": "string", "pattern": "^[0-9]+$"},
        "1801483200",
        "When this attempt was signed, in Unix seconds. Reject a timestamp that is more than five minutes off.",
    ),
    (
        "webhook-signature",
        {"type": "string"},
        "v1,Zt2pRuuWXc1i4tKBm1b9uJ6Ixw1m3hWGmVxn0EIBWWc=",
        "The Standard Webhooks signature of `{webhook-id}.{webhook-timestamp}.{body}`. For 24 hours after a rotation "
        "of the secret there are two, separated by a space.",
    ),
    (
        "X-Licet-Delivery",
        _UUID,
        EXAMPLE_ID,
        "The id of the delivery to this endpoint, the same in every attempt.",
    ),
)

_RESPONSES = {
    "2XX": {"description": "The delivery succeeded. Respond within 15 seconds and process the event afterwards."},
    "410": {"description": "The endpoint is gone. Licet disables it at once."},
    "default": {"description": "The delivery failed. It is retried for three days. Redirects are not followed."},
}

_ACTIVE = {"kind": "stripe_event", "id": "evt_1", "reason": "subscription_active"}
_DISPUTED = {"kind": "stripe_event", "id": "evt_1", "reason": "dispute_open"}
_OVER = {"kind": "time", "id": "sub_1QxYz", "reason": "paid_period_over"}
_EXAMPLES: Mapping[EventName, Mapping[str, Any]] = {
    "subscription.deleted": {"status": "canceled", "canceledAt": "2027-01-31T12:00:00Z"},
    "license.issued": {"change": {"from": None, "to": "active", "because": _ACTIVE}},
    "license.suspended": {"status": "suspended", "change": {"to": "suspended", "because": _DISPUTED}},
    "license.reinstated": {"change": {"from": "suspended", "to": "active", "because": _ACTIVE}},
    "license.revoked": {"status": "revoked"},
    "license.expired": {"status": "expired", "change": {"to": "expired", "because": _OVER}},
}
"""Values of `data` in an event's example that differ from the examples of the fields."""


def webhooks() -> list[Webhook]:
    """Return the description of every event."""
    return [
        Webhook(event, kind.body, _operation(event, getdoc(kind.body) or ""), {"data": _EXAMPLES.get(event, {})})
        for event, kind in EVENT_KINDS.items()
    ]


def _operation(event: EventName, when: str) -> dict[str, Any]:
    """when: when the event is sent, in words. Its first sentence becomes the summary."""
    return {
        "tags": [TAG],
        "operationId": f"on_{event.replace('.', '_')}",
        "summary": when.partition(". ")[0].removesuffix("."),
        "description": f"{when} Delivered at least once, in no guaranteed order; `data` is rendered when it is sent.",
        "parameters": [
            *(_header(*header) for header in _HEADERS),
            _header("X-Licet-Event", {"type": "string", "const": event}, event, "The body's `event`."),
        ],
        "responses": _RESPONSES,
    }


def _header(name: str, schema: Mapping[str, Any], example: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": dict(schema),
        "example": example,
    }
