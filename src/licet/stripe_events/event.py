"""Parses a webhook body into an event that can be stored: without secrets and NUL characters."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from licet.errors import MalformedJson
from licet.http.json_body import finite, is_nested_deeper, refuse_constant
from licet.kit.storable import storable
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


MAX_EVENT_DEPTH = 100
"""Stripe's objects are nested some ten levels deep."""

MAX_ID_CHARACTERS = 255
"""Source: Stripe's documentation, "API upgrades": ids have up to 255 characters."""

_FIRST_SECOND = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LAST_SECOND = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""Stripe did not exist before, and an event beyond would be newer than every other one of its object."""


def parse_payload(raw: bytes) -> dict[str, Any]:
    """Parse and clean a body whose signature was valid.

    Raises MalformedJson if it is not a JSON object, or cannot be stored: PostgreSQL's JSON has no NaN and no infinity.
    """
    if is_nested_deeper(raw, MAX_EVENT_DEPTH):
        raise MalformedJson(f"The body is nested more than {MAX_EVENT_DEPTH} levels deep.")
    try:
        payload = json.loads(raw.decode(), parse_constant=refuse_constant, parse_float=finite)
    except ValueError:
        raise MalformedJson("The body is not JSON.") from None
    if not isinstance(payload, dict):
        raise MalformedJson("The body is JSON, but not an object: send a Stripe event.")
    cleaned: dict[str, Any] = clean(payload)
    return cleaned


def read_event(payload: dict[str, Any]) -> ReceivedEvent:
    """The event in a payload. Raises MalformedJson if it is not an event with an object in it.

    Everything that a column of its own holds is checked, so that the event can be kept if handling it fails.
    """
    data = payload.get("data")
    obj = data.get("object") if isinstance(data, dict) else None
    created_at = _created_at(payload.get("created"))
    is_named = _is_id(payload.get("id")) and _is_id(payload.get("type"))
    if not is_named or created_at is None or not isinstance(obj, dict):
        raise MalformedJson("The body is JSON, but not a Stripe event: it needs id, type, created and data.object.")
    for name, text in (("api_version", payload.get("api_version")), ("data.object.id", obj.get("id"))):
        if text is not None and not _is_id(text):
            raise MalformedJson(f"{name} must be a text of 1 to {MAX_ID_CHARACTERS} characters, or null.")
    return ReceivedEvent(payload["id"], payload["type"], created_at, payload)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS


def _created_at(created: Any) -> datetime | None:
    """Stripe's epoch seconds as a time; None if they are no integer, or not in the years 2000 to 2099."""
    if not isinstance(created, int) or isinstance(created, bool) or not _FIRST_SECOND <= created < _LAST_SECOND:
        return None
    return from_epoch(created)


def clean(value: Any) -> Any:
    """`value` without secrets, and without NUL and lone surrogates, which PostgreSQL cannot store."""
    if isinstance(value, dict):
        return {clean(name): clean(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, str):
        return storable(value)
    return value
