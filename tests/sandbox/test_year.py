"""A year of many subscriptions: everything due on the way happens in order and at its moment, however the clock is
turned."""

from __future__ import annotations

import json
import re
import shutil
from calendar import monthrange
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import stripe
from tests.sandbox.conftest import KEY
from tests.sandbox.play import DAY, Play, Receiver
from tests.support.client import open_client

from licet_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from licet_sandbox.validation import Checker

YEAR = 365 * DAY
STEPS = 400
HOUR = 3600
RETRIES = (0, 3, 8, 15)
"""Days from a failed renewal's first try to each of its tries."""


class Life(NamedTuple):
    interval: str
    every: int
    trial: bool
    fails: bool


INTERVALS = [("month", 1), ("month", 3), ("month", 1), ("year", 1), ("month", 6), ("month", 1)]
LIVES = [Life(*INTERVALS[n % 6], trial=n % 4 == 1, fails=n % 7 == 5) for n in range(29)] + [
    Life("week", 2, True, False)
]


@asynccontextmanager
async def opened(path: Path, checker: Checker, transport: Any) -> AsyncIterator[Play]:
    running = await Sandbox(path, validate=checker).serve()
    client = stripe.StripeClient(KEY, base_addresses={"api": running.url}, http_client=transport)
    async with open_client(base_url=running.url) as http:
        yield Play(running.sandbox, running.url, client.v1, http)
    await running.stop()


async def begin(play: Play, life: Life, anchor: int) -> str:
    """A subscription whose first whole period begins at `anchor`, unpaid for until then."""
    price = await play.price(
        interval=life.interval, recurring={"interval": life.interval, "interval_count": life.every}
    )
    customer = await play.api.customers.create_async({})
    card = "pm_card_chargeCustomerFail" if life.fails else "pm_card_visa"
    method = await play.api.payment_methods.attach_async(card, {"customer": customer.id})
    later = {"billing_cycle_anchor": anchor, "proration_behavior": "none"}
    made = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "default_payment_method": method.id,
            "items": [{"price": price.id}],
            **({"trial_end": anchor} if life.trial else later),
        }
    )
    return str(made.id)


async def everything(play: Play) -> list[dict[str, Any]]:
    """All events in the order in which they were made."""
    page = await play.api.events.list_async({"limit": 100})
    return [event.to_dict() async for event in page.auto_paging_iter()][::-1]


def renewals(life: Life, anchor: int, until: int) -> Iterator[int]:
    """The moments at which periods begin, from `anchor` to `until`; counted here by days and calendar months alone."""
    first, number = datetime.fromtimestamp(anchor, UTC), 0
    while True:
        if life.interval == "week":
            moment = first + timedelta(weeks=life.every * number)
        else:
            years, month = divmod(first.month - 1 + number * life.every * (12 if life.interval == "year" else 1), 12)
            last = monthrange(first.year + years, month + 1)[1]
            moment = first.replace(year=first.year + years, month=month + 1, day=min(first.day, last))
        if moment.timestamp() > until:
            return
        yield int(moment.timestamp())
        number += 1


def subscription_of(event: dict[str, Any]) -> str | None:
    obj = event["data"]["object"]
    if obj["object"] == "subscription":
        return str(obj["id"])
    parent = obj.get("parent") if obj["object"] == "invoice" else None
    return None if parent is None else str(parent["subscription_details"]["subscription"])


def by_subscription(events: list[dict[str, Any]]) -> dict[str | None, dict[str, list[int]]]:
    """When each type of event came to each subscription."""
    found: dict[str | None, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        found[subscription_of(event)][event["type"]].append(event["created"])
    return found


def check_life(life: Life, anchor: int, until: int, came: dict[str, list[int]]) -> None:
    """Did all of it come at its moment, and nothing else?"""
    due = list(renewals(life, anchor, until))
    if life.trial:
        assert came["customer.subscription.trial_will_end"] == [anchor - 3 * DAY]
    if life.fails:
        first = anchor + HOUR
        assert came["invoice.payment_failed"] == [first + days * DAY for days in RETRIES]
        assert came["customer.subscription.deleted"] == [first + RETRIES[-1] * DAY]
        assert came["invoice.created"] == [moment for moment in due if moment <= first + RETRIES[-1] * DAY]
    else:
        assert came["invoice.created"] == due
        assert came["invoice.finalized"] == [moment + HOUR for moment in due if moment + HOUR <= until]
        assert came["invoice.paid"] == came["invoice.finalized"]


# Ids, ports, and what a bank makes up.
NAMES = re.compile(
    r"""\b[a-z]+(?:_[a-z]+)*_\w{14,}
    |(?<=127\.0\.0\.1:)\d+
    |(?<="authorization_code":\ ")\d+
    |(?<="network_transaction_id":\ ")\w+""",
    re.VERBOSE,
)


def without_names(events: list[dict[str, Any]]) -> list[str]:
    """The events as text, each name in them replaced by the place at which it first came."""
    places: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        # Six digits of a bank come twice by chance, now and then.
        return "#" if found[0].isdecimal() else places.setdefault(found[0], f"#{len(places)}")

    return [NAMES.sub(place, json.dumps(event, sort_keys=True, default=str)) for event in events]


async def test_a_year_in_order(tmp_path: Path, checker: Checker, transport: Any, receiver: Receiver) -> None:
    path, again = tmp_path / "once.db", tmp_path / "steps.db"
    anchors: dict[str, int] = {}
    async with opened(path, checker, transport) as play:
        await play.endpoint(receiver)
        began = int(play.sandbox.now().timestamp())
        for number, life in enumerate(LIVES):
            anchor = began + 8 * DAY + number * (16 * HOUR + 7)
            anchors[await begin(play, life, anchor)] = anchor
        await play.advance(1)
        last = len(receiver.bodies)
    for suffix in ("", ".seed"):
        shutil.copy(f"{path}{suffix}", f"{again}{suffix}")
    until = began + YEAR

    async with opened(path, checker, transport) as play:
        await play.advance(until - play.sandbox.now().timestamp())
        events = await everything(play)
    # Each was sent before the answer came, and none twice.
    assert sorted(body["id"] for body in receiver.bodies) == sorted(event["id"] for event in events)
    moments = [event["created"] for event in events]
    assert moments == sorted(moments)
    came = by_subscription(events[last:])
    for life, (subscription, anchor) in zip(LIVES, anchors.items(), strict=True):
        check_life(life, anchor, until, came[subscription])

    async with opened(again, checker, transport) as play:
        for step in range(1, STEPS + 1):
            target = began + YEAR * step // STEPS
            await play.advance(max(0.0, target - play.sandbox.now().timestamp()))
        stepwise = await everything(play)
    assert without_names(stepwise) == without_names(events)
    checker.raise_any()
