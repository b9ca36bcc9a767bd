"""The events as `/openapi.json` tells of them: when each comes, with what headers and body, and what to answer."""

from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any

from licet.http.openapi.webhooks import Webhook
from licet.http.shapes import EXAMPLE_ID
from licet.outbox import EventName
from licet.outgoing_webhooks.payloads.registry import KINDS

TAG = "events"

_UUID = {"type": "string", "format": "uuid"}
_HEADERS: Sequence[tuple[str, Mapping[str, Any], str, str]] = (
    (
        "webhook-id",
        _UUID,
        EXAMPLE_ID,
        "The event's `id`: the same in every attempt and for every endpoint. By it you know what you had before.",
    ),
    (
        "webhook-timestamp",
        {"type": "string", "pattern": "^[0-9]+$"},
        "1801483200",
        "When this attempt was signed, in Unix seconds. Refuse what is more than five minutes off.",
    ),
    (
        "webhook-signature",
        {"type": "string"},
        "v1,Zt2pRuuWXc1i4tKBm1b9uJ6Ixw1m3hWGmVxn0EIBWWc=",
        "Of `{webhook-id}.{webhook-timestamp}.{body}`, as Standard Webhooks has it; for a day after the secret was "
        "rotated there are two, with a space between them.",
    ),
    ("X-Licet-Delivery", _UUID, EXAMPLE_ID, "This event's delivery to this endpoint, the same in every attempt."),
)

_ANSWERS = {
    "2XX": {"description": "It has arrived. Answer within 15 seconds, and work on it afterwards."},
    "410": {"description": "Nobody listens here any more: the endpoint is disabled at once."},
    "default": {"description": "It is tried again, for three days. A redirect is not followed."},
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
"""What an event's example says of its `data` otherwise than the fields by themselves would."""


def webhooks() -> list[Webhook]:
    """Every event."""
    return [
        Webhook(event, kind.body, _operation(event, getdoc(kind.body) or ""), {"data": _EXAMPLES.get(event, {})})
        for event, kind in KINDS.items()
    ]


def _operation(event: EventName, when: str) -> dict[str, Any]:
    """when: in words; its first sentence is what it is listed by."""
    return {
        "tags": [TAG],
        "operationId": f"on_{event.replace('.', '_')}",
        "summary": when.partition(". ")[0].removesuffix("."),
        "description": f"{when} Delivered at least once, in no promised order; `data` is as it reads when it is sent.",
        "parameters": [
            *(_header(*one) for one in _HEADERS),
            _header("X-Licet-Event", {"type": "string", "const": event}, event, "The body's `event`."),
        ],
        "responses": _ANSWERS,
    }


def _header(name: str, schema: Mapping[str, Any], example: str, says: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": says,
        "schema": dict(schema),
        "example": example,
    }
