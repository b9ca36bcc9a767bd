"""Two carts with one plan are paid: whatever the order of their events, the later plan is undone once, and alone."""

import random

import pytest
from tests.flows.test_order import deliver, events_of
from tests.support.depth import examples
from tests.support.shop import Shop, eventually, open_shop


async def all_undone(shop: Shop) -> bool:
    await shop.worker.hand_over_due()
    return bool(
        await shop.context.pool.fetchval(
            """
            SELECT count(*) = 1 AND bool_and(due_at IS NULL) AND NOT EXISTS (SELECT 1 FROM cancellations)
            FROM second_plans
            """
        )
    )


@pytest.mark.parametrize("seed", range(examples(2, 20)))
async def test_any_order_of_the_events_of_both_each_twice(database: str, seed: int) -> None:
    draw = random.Random(seed)
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        first = await shop.checkout(account, "Growth")
        second = await shop.checkout(account, "Growth", "Shopify Connector", "Data Migrator")
        for session in (first, second):
            assert (await shop.pay(session)).status_code == 200
            await shop.stripe("clock/advance", {"seconds": 2})
        told = await events_of(shop)
        order = told * 2
        draw.shuffle(order)
        for event in order:
            await deliver(shop, event)
        await shop.settle()
        await shop.turn(seconds=10)
        await eventually(lambda: all_undone(shop))
        known = {event["id"] for event in told}
        order = [event for event in await events_of(shop) if event["id"] not in known] * 2 + told
        draw.shuffle(order)
        for event in order:
            await deliver(shop, event)
        await shop.settle()
        pool = shop.context.pool
        assert [row["amount"] for row in await pool.fetch("SELECT amount FROM refunds")] == [9900]
        found = (await shop.get("/api/billing/subscriptions", accountId=account, status="all"))["data"]
        assert {one["status"] for one in found} == {"active"}
        items = sorted([item["productName"] for item in one["items"]] for one in found)
        assert items == [["Growth"], ["Shopify Connector"]]
        assert [one["status"] for one in await shop.licenses(account)] == ["active", "active"]
        orders = (await shop.get("/api/orders", accountId=account))["data"]
        assert sorted(order["status"] for order in orders) == ["paid", "partially_refunded"]
        assert len(await shop.emails("welcome")) == 2
        assert await pool.fetchval("SELECT count(*) FROM outgoing_events WHERE event = 'subscription.undone'") == 1
