"""From a webhook's bytes to an event that can be kept: without secrets, and without what no database can hold."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from licet.errors import MalformedJson
from licet.kit.stripe_objects import StripeObject
from licet.kit.times import from_epoch
from licet.kit.versions import Rank, Version
from licet.stripe_api.version import layout_of
from licet.stripe_events.older_versions import Body, in_todays_layout

SECRETS = frozenset({"client_secret", "secret"})
"""Fields of Stripe's objects that open something: a payment, a webhook endpoint. We never need them from an event."""


@dataclass(frozen=True)
class ReceivedEvent:
    """A Stripe event. `payload` is all of it, cleaned; `object` the object it carries."""

    id: str
    type: str
    created_at: datetime
    payload: dict[str, Any]

    @property
    def object(self) -> StripeObject:
        """The object as it was when the event was made."""
        found: StripeObject = self.payload["data"]["object"]
        return found

    @property
    def object_id(self) -> str | None:
        """The object's id; a few objects have none."""
        return self.object.get("id")

    def body(self) -> Body:
        """The object in today's layout, where the event's version has one that we know."""
        return in_todays_layout(self.object, layout_of(self.payload.get("api_version")))

    def version(self, body: Body) -> Version:
        """The state that this event brings of its object.

        What changed (`previous_attributes`) stays in the event's own layout. A field that moved since is not found in
        another state then, so that nothing seems newer by it, and Stripe is asked.
        """
        return Version(
            body.object,
            self.created_at,
            Rank.of_type(self.type),
            previous=self.payload["data"].get("previous_attributes"),
        )


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body whose signature was good. Raises MalformedJson for anything else."""
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedJson("The body is not JSON.") from None
    if not isinstance(payload, dict):
        raise MalformedJson("The body is JSON, but no object: a Stripe event is expected.")
    cleaned: dict[str, Any] = clean(payload)
    return cleaned


def make_event(payload: dict[str, Any]) -> ReceivedEvent:
    """The event in a payload. Raises MalformedJson where it is no event that has an object in it."""
    data = payload.get("data")
    obj = data.get("object") if isinstance(data, dict) else None
    created_at = _moment(payload.get("created"))
    named = isinstance(payload.get("id"), str) and isinstance(payload.get("type"), str)
    if not named or created_at is None or not isinstance(obj, dict):
        raise MalformedJson("The body is JSON, but no Stripe event: id, type, created and data.object are expected.")
    return ReceivedEvent(payload["id"], payload["type"], created_at, payload)


def _moment(created: Any) -> datetime | None:
    """Stripe's epoch seconds as a time; None for what is none, or lies beyond the year 9999."""
    try:
        return from_epoch(created) if isinstance(created, int) else None
    except (OverflowError, ValueError, OSError):
        return None


def clean(value: Any) -> Any:
    """`value` without secrets, and without the NUL characters that PostgreSQL cannot store."""
    if isinstance(value, dict):
        return {clean(name): clean(one) for name, one in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return value
