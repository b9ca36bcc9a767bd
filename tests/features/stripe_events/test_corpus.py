"""Every event type in every layout, with each field missing, null or expanded: each is handled, and none fails.

`make test` draws a sample, `make test-long` has them all. The objects are the sandbox's own, in the layouts of its
older versions. Source: contract, section 5, "Any version of Stripe's API".
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

from tests.support.depth import sample_of
from tests.support.shop import Shop, open_shop

from licet.kit.stripe_objects import EXPANDABLE
from licet.stripe_api.version import API_VERSION
from licet.stripe_events.event import parse_payload
from licet.stripe_events.event_types import EVENT_TYPES
from licet.stripe_events.receive import receive_event
from licet_sandbox.events.layouts import changes_since
from licet_sandbox.events.rendering import undo_changes

StripeObject = dict[str, Any]

VARIED = ("2020-08-27", "2024-12-18.acacia", "2025-08-27.basil", "2025-09-30.clover", API_VERSION, "2027-03-31.fennel")
"""One version of each layout. The sandbox has none that is older than 2024-04-10 or newer than ours."""

VERSIONS = (*VARIED, "2019-12-03", "2024-04-10", "2025-03-31.basil", "2026-03-25.dahlia", None)
"""All versions: in those that are not varied, the objects are told as they are."""

LAST = ("deleted", "voided", "expired", "detached", "refund.failed", "canceled")
"""What ends an object. Told last, because nothing follows it."""

FEW = 160

NESTED = {"subscription": "items", "invoice": "lines"}
"""The lists in an object whose entries are varied too."""


@dataclass(frozen=True)
class Case:
    """An object to tell: `how` says what was changed in it."""

    type: str
    version: str | None
    how: str
    object: StripeObject


class Known:
    """The objects that a layout looks up: the newest state of each."""

    def __init__(self, objects: Sequence[StripeObject]) -> None:
        self._objects = {obj["id"]: obj for obj in objects if "id" in obj}

    def find(self, object_id: str, *, deleted: bool = False) -> StripeObject | None:
        del deleted
        return self._objects.get(object_id)

    def select(self, kind: str, where: str, value: str) -> list[StripeObject]:
        field = "invoice" if "$.invoice" in where else "payment_intent"
        found = [obj for obj in self._objects.values() if obj.get("object") == kind]
        return [obj for obj in found if value in (obj.get(field), (obj.get("payment") or {}).get(field))]


async def objects_of_a_story(shop: Shop) -> list[StripeObject]:
    """The newest state of each object of a purchase, a refund, a dispute and a schedule; the oldest first."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    stripe = shop.context.stripe
    (subscription,) = [one async for one in stripe.list_all("subscription")]
    intents = [one async for one in stripe.list_all("payment_intent")]
    await shop.stripe("refunds", {"paymentIntent": intents[0]["id"], "amount": 1000})
    await shop.stripe("disputes", {"paymentIntent": intents[0]["id"]})
    coupon = await stripe.create("coupon", {"percent_off": 10, "duration": "forever"})
    await stripe.update("subscription", subscription["id"], {"discounts": [{"coupon": coupon["id"]}]})
    await stripe.create("subscription_schedule", {"from_subscription": subscription["id"]})
    await shop.stripe("clock/advance", {"seconds": 0})
    events = [event async for event in stripe.list_all("event")]
    newest: dict[Any, StripeObject] = {}
    for event in reversed(events):
        obj = event["data"]["object"]
        newest[obj.get("id")] = obj
    note = {"id": "cn_1", "object": "credit_note", "invoice": subscription["latest_invoice"], "amount": 100}
    return [*newest.values(), note]


def kind_of_type(type_: str) -> str:
    """The kind of object that an event of the type carries."""
    of_fact = {"credit_note": "credit_note", "customer.discount": "discount", "payment_intent": "payment_intent"}
    return EVENT_TYPES[type_].kind or of_fact[type_.rpartition(".")[0]]


def variants(obj: StripeObject) -> Iterator[tuple[str, StripeObject]]:
    """The object as it is, with each field missing, null and expanded, also in the first entry of its list."""
    yield "plain", obj
    for name, value in obj.items():
        yield f"without {name}", {key: inner for key, inner in obj.items() if key != name}
        yield f"{name} null", {**obj, name: None}
        if name in EXPANDABLE and isinstance(value, str):
            yield f"{name} expanded", {**obj, name: {"id": value, "object": "expanded"}}
    listed = NESTED.get(str(obj.get("object")))
    if listed is not None:
        for name in obj[listed]["data"][0]:
            without, null = deepcopy(obj), deepcopy(obj)
            del without[listed]["data"][0][name]
            null[listed]["data"][0][name] = None
            yield f"{listed} without {name}", without
            yield f"{listed} with {name} null", null
    yield "a stub", {"id": obj.get("id"), "object": obj.get("object"), "deleted": True}


def corpus(objects: Sequence[StripeObject]) -> Iterator[Case]:
    known = cast("Any", Known(objects))
    by_kind = {obj.get("object"): obj for obj in objects if "deleted" not in obj}
    for version in VERSIONS:
        changes = changes_since(version) if version is not None else {}
        for type_ in EVENT_TYPES:
            rendered = undo_changes(known, by_kind[kind_of_type(type_)], changes)
            for how, obj in variants(rendered) if version in VARIED else [("plain", rendered)]:
                yield Case(type_, version, how, obj)


def told_last(case: Case) -> bool:
    return case.how == "a stub" or case.type.endswith(LAST)


async def test_none_fails(database: str) -> None:
    async with open_shop(database, with_webhooks=False, with_worker=False) as shop:
        objects = await objects_of_a_story(shop)
        cases = sample_of(corpus(objects), FEW, "corpus")
        first = int(shop.context.now().timestamp())
        for number, case in enumerate(sorted(cases, key=told_last)):
            event = {
                "id": f"evt_{number} {case.type} {case.version} {case.how}",
                "object": "event",
                "type": case.type,
                "created": first + number,
                "livemode": False,
                "api_version": case.version,
                "data": {"object": case.object},
            }
            await receive_event(shop.context, parse_payload(json.dumps(event).encode()))
        outcomes = await shop.context.pool.fetch("SELECT DISTINCT outcome FROM events")
        assert {row["outcome"] for row in outcomes} <= {"applied", "stale", "ignored", "waiting"}
        # Everything that was left to a read is read, and no read is asked for twice.
        working = asyncio.create_task(shop.worker.run())
        await shop.settle()
        await shop.worker.stop()
        await working
        assert await shop.context.pool.fetch("SELECT kind, stripe_id, error FROM refreshes") == []
