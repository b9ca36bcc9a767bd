"""Makes Stripe events from Stripe's example objects, and sends them signed."""

import json
from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any

import httpx
from pydantic import SecretStr
from tests.support.contexts import make_context
from tests.support.signing import signed

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.node.serving import WEBHOOK_PATH
from licet.stripe_api.version import API_VERSION
from licet_sandbox.spec.document import examples

SECRET = "whsec_of_the_test"
AT = 1_790_000_000
"""The default time of events, in epoch seconds."""

_numbers = count(1)


def webhook_context(pool: Pool) -> Context:
    """A context that accepts events signed with `SECRET`."""
    return make_context(pool, stripe_webhook_secrets=(SecretStr(SECRET),))


def example(kind: str, **changed: Any) -> dict[str, Any]:
    """Stripe's example of an object, with these fields changed."""
    made: dict[str, Any] = deepcopy(examples()[kind])
    return made | changed


def event(
    type_: str,
    obj: dict[str, Any],
    *,
    after: int = 0,
    previous: dict[str, Any] | None = None,
    api_version: str = API_VERSION,
) -> dict[str, Any]:
    """An event with this object. after: seconds after `AT`."""
    data: dict[str, Any] = {"object": deepcopy(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": f"evt_told_{next(_numbers)}",
        "object": "event",
        "type": type_,
        "created": AT + after,
        "livemode": False,
        "api_version": api_version,
        "data": data,
    }


async def send_event(client: httpx.AsyncClient, payload: dict[str, Any], *, at: datetime | None = None) -> None:
    """Sends a signed event to Licet, which must answer 200."""
    raw = json.dumps(payload).encode()
    header = signed(raw, SECRET, at or wall_now())
    answer = await client.post(WEBHOOK_PATH, content=raw, headers={"stripe-signature": header})
    assert (answer.status_code, answer.json()) == (200, {"received": True}), answer.text


async def outcome_of(context: Context, payload: dict[str, Any]) -> tuple[str, str | None]:
    """The stored outcome of an event, and its reason."""
    row = await context.pool.fetchrow("SELECT outcome, reason FROM events WHERE stripe_event_id = $1", payload["id"])
    assert row is not None
    return row["outcome"], row["reason"]
