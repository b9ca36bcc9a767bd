"""An endpoint that speaks 2024-12-18.acacia: the same comes of it as of one that speaks our version.

The bodies are those that the sandbox delivered there. Source: docs/decisions/older-api-versions.md.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from tests.flows.test_disputes import close, dispute
from tests.flows.test_order import Event, deliver, events_of, final_state, start_again, told
from tests.flows.test_refunds import order_of, payment_of
from tests.support.depth import examples
from tests.support.shop import Shop, open_shop

OLD = "2024-12-18.acacia"
APART_SECONDS = 1000
"""So far apart nothing is decided by more than time."""


async def delivered(shop: Shop) -> list[Event]:
    """What the sandbox sent here, as it came, in the order of its making; without the catalogue's."""
    made = {event["id"]: n for n, event in enumerate(await events_of(shop))}
    rows = await shop.context.pool.fetch("SELECT stripe_event_id, payload FROM events")
    found = {row["stripe_event_id"]: row["payload"] for row in rows}
    assert {event["api_version"] for event in found.values()} == {OLD}
    return [found[id_] for id_ in sorted(found.keys() & made.keys(), key=lambda id_: made[id_])]


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """But for how the links are named: the older layout tells which payment paid what, and not under which id.

    The catalogue, which was pushed before the story, is left out too.
    """
    links = sorted(row[1:4] for row in state["payments"])
    untold = ("invoice_payment", "product", "price")
    return {**state, "payments": links, "mirror": [row for row in state["mirror"] if row[1] not in untold]}


async def bought_renewed_and_disputed(shop: Shop) -> str:
    """A cart of both kinds, a month, a dispute that was won, and a refund in part; the account."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.settle()
    await close(shop, await dispute(shop, await payment_of(shop, account)), "won")
    await shop.turn(days=32)
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account), "amount": 1000})
    await shop.settle()
    return account


async def test_the_same_comes_of_it_as_of_ours(database: str) -> None:
    async with open_shop(database, webhooks_version=OLD) as shop:
        account = await bought_renewed_and_disputed(shop)
        licenses = {license["productName"]: license["status"] for license in await shop.licenses(account)}
        assert licenses == {"Shopify Connector": "active", "Data Migrator": "active"}
        assert (await order_of(shop, account))["status"] == "paid"
        assert len(await shop.emails("receipt")) == 2
        of_old = await final_state(shop)
        assert await shop.context.pool.fetch("SELECT type, outcome FROM events WHERE outcome = 'failed'") == []
        of_ours = await told(shop, await events_of(shop), customer_known=True)
        assert comparable(of_old) == comparable(of_ours)


async def test_it_is_read_from_the_body_alone(database: str) -> None:
    """Told far apart, in the order of their making, with no job that could ask: nothing needs to be."""
    async with open_shop(database, webhooks_version=OLD) as shop:
        account = await bought_renewed_and_disputed(shop)
        events = await delivered(shop)
        before = await final_state(shop)
        await shop.worker.stop()
        await start_again(shop, customer_known=True)
        first = events[0]["created"]
        for number, event in enumerate(events):
            await deliver(shop, {**event, "created": first + number * APART_SECONDS})
        asked = await shop.context.pool.fetch("SELECT kind, stripe_id FROM refreshes")
        assert [tuple(row) for row in asked] == []
        found = await final_state(shop)
        for what in ("orders", "subscriptions", "items", "invoices", "lines", "refunds", "disputes", "licenses"):
            assert found[what] == before[what], what
        assert [license["status"] for license in await shop.licenses(account)] == ["active", "active"]
        causes = await shop.context.pool.fetch("SELECT DISTINCT because ->> 'kind' AS kind FROM license_timeline")
        assert [row["kind"] for row in causes] == ["stripe_event"]


async def test_seeded_orders_of_all_events_each_twice(database: str) -> None:
    async with open_shop(database, webhooks_version=OLD) as shop:
        await bought_renewed_and_disputed(shop)
        events = await delivered(shop)
        expected = comparable(await told(shop, events))
        draw = random.Random(OLD)
        for _ in range(examples(5, 25)):
            order = events * 2
            draw.shuffle(order)
            found = comparable(await told(shop, order))
            assert found == expected, [event["type"] for event in order]


async def test_two_connections_at_once(database: str) -> None:
    """A refund names its payment, and only the invoice in another event the payment: neither may pass unseen."""
    async with open_shop(database, webhooks_version=OLD) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        await shop.settle()
        await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account)})
        await shop.settle()
        events = await delivered(shop)
        expected = comparable(await told(shop, events))
        draw = random.Random(7)

        async def one_after_the_other(order: Sequence[Event]) -> None:
            for event in order:
                await deliver(shop, event)

        for _ in range(examples(4, 10)):
            await start_again(shop)
            orders = draw.sample(events, len(events)), draw.sample(events, len(events))
            await asyncio.gather(*(one_after_the_other(order) for order in orders))
            await shop.settle()
            assert comparable(await final_state(shop)) == expected


async def test_a_renewal_that_fails_is_told_once_for_each_try(database: str) -> None:
    async with open_shop(database, webhooks_version=OLD) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        await shop.settle()
        async for customer in shop.context.stripe.list_all("customer"):
            await shop.stripe(f"customers/{customer['id']}/card", {"card": "4000000000000341"})
        await shop.turn(days=60)
        assert (await shop.license(account))["status"] == "revoked"
        assert len(await shop.emails("payment_failed")) == 4
