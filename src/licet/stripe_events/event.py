"""Parses a webhook body into an event that can be stored: without secrets and NUL characters."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from licet.errors import MalformedJson
from licet.kit.stripe_objects import StripeObject, id_of, with_ids
from licet.kit.times import from_epoch
from licet.kit.versions import DELETABLE, Rank, Version
from licet.stripe_api.version import layout_of
from licet.stripe_events.older_versions import Body, to_current_layout
from licet.stripe_events.required_fields import missing_field

SECRETS = frozenset({"client_secret", "secret"})
"""Fields of Stripe's objects that hold a credential. Events are stored without them."""


@dataclass(frozen=True)
class ReceivedEvent:
    """A Stripe event. `payload` is the whole event, cleaned; `object` is the object it carries."""

    id: str
    type: str
    created_at: datetime
    payload: dict[str, Any]

    @property
    def object(self) -> StripeObject:
        """The object as it was when the event was created."""
        obj: StripeObject = self.payload["data"]["object"]
        return obj

    @property
    def object_id(self) -> str | None:
        """The object's id; a few objects have none."""
        return id_of(self.object)

    @property
    def deletes(self) -> bool:
        """Whether the event reports that its object is gone, by its type or by the object."""
        kind, _, what = self.type.rpartition(".")
        return kind in DELETABLE and (what == "deleted" or self.object.get("deleted") is True)

    def body(self, kind: str | None) -> Body:
        """The object in the current layout, if the layout of the event's API version is known.

        kind: the kind of object that the event's type carries. A deleted object is always readable: its id says it all.
        """
        obj = with_ids(self.object)
        if kind is not None:
            obj["object"] = kind
        if self.deletes:
            return Body(obj)
        body = to_current_layout(obj, layout_of(self.payload.get("api_version")))
        lacking = missing_field(kind, body.object) if kind is not None and body.readable else None
        return body if lacking is None else replace(body, unreadable=f"it lacks {lacking}")

    def version(self, body: Body) -> Version:
        """The version of its object that this event carries.

        `previous_attributes` stay in the event's own layout. A field that has moved since is then not found in another
        version, so that it makes neither of them seem newer, and the object is read from Stripe.
        """
        return Version(
            body.object,
            self.created_at,
            Rank.DELETED if self.deletes else Rank.of_type(self.type),
            previous=self.payload["data"].get("previous_attributes"),
        )


def parse_payload(raw: bytes) -> dict[str, Any]:
    """Parse and clean a body whose signature was valid. Raises MalformedJson if it is not a JSON object."""
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedJson("The body is not JSON.") from None
    if not isinstance(payload, dict):
        raise MalformedJson("The body is JSON, but not an object: send a Stripe event.")
    cleaned: dict[str, Any] = clean(payload)
    return cleaned


def read_event(payload: dict[str, Any]) -> ReceivedEvent:
    """The event in a payload. Raises MalformedJson if it is not an event with an object in it."""
    data = payload.get("data")
    obj = data.get("object") if isinstance(data, dict) else None
    created_at = _created_at(payload.get("created"))
    is_named = isinstance(payload.get("id"), str) and isinstance(payload.get("type"), str)
    if not is_named or created_at is None or not isinstance(obj, dict):
        raise MalformedJson("The body is JSON, but not a Stripe event: it needs id, type, created and data.object.")
    return ReceivedEvent(payload["id"], payload["type"], created_at, payload)


def _created_at(created: Any) -> datetime | None:
    """Stripe's epoch seconds as a time; None if they are not an integer, or beyond the year 9999."""
    try:
        return from_epoch(created) if isinstance(created, int) else None
    except (OverflowError, ValueError, OSError):
        return None


def clean(value: Any) -> Any:
    """`value` without secrets and without NUL characters, which PostgreSQL cannot store."""
    if isinstance(value, dict):
        return {clean(name): clean(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return value
