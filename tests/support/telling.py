"""Stripe's events made by hand: an object of Stripe's own examples, changed, in a signed body."""

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
"""When the first of the events happened, in Stripe's epoch seconds."""

_numbers = count(1)


def listening(pool: Pool) -> Context:
    """Tools that believe what is signed with `SECRET`."""
    return make_context(pool, stripe_webhook_secrets=(SecretStr(SECRET),))


def example(kind: str, **changed: Any) -> dict[str, Any]:
    """Stripe's own example of an object, with these fields instead."""
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
    """An event about an object. after: seconds since `AT`."""
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


async def tell(client: httpx.AsyncClient, told: dict[str, Any], *, at: datetime | None = None) -> None:
    """Deliver it as Stripe does; it must be taken."""
    raw = json.dumps(told).encode()
    header = signed(raw, SECRET, at or wall_now())
    answer = await client.post(WEBHOOK_PATH, content=raw, headers={"stripe-signature": header})
    assert (answer.status_code, answer.json()) == (200, {"received": True}), answer.text


async def outcome(context: Context, told: dict[str, Any]) -> tuple[str, str | None]:
    """The outcome of an event, and its reason."""
    row = await context.pool.fetchrow("SELECT outcome, reason FROM events WHERE stripe_event_id = $1", told["id"])
    assert row is not None
    return row["outcome"], row["reason"]
