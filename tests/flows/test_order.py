"""The order of events does not matter: all orders, each event twice, and over two connections.

`make test` draws a few of those orders, `make test-long` has them all.

"The same final state" is defined in docs/decisions/order-does-not-matter.md. The events are real ones of the
sandbox; Licet is emptied between the orders, and reads what it must from Stripe.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import asyncpg
import pytest
from tests.support.depth import examples, sample_of
from tests.support.shop import Shop, open_shop
from tests.support.signing import signed

from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.node.serving import WEBHOOK_PATH
from licet.queue.refresh_store import Refresh, request
from licet.stripe_events.event import clean
from licet.stripe_events.receive import receive_event

Event = dict[str, Any]

EMPTIED = "; ".join(
    f"DELETE FROM {table}"
    for table in (
        *("events", "mirrors", "refreshes", "emails", "pgqueuer", "license_timeline", "licenses", "orders"),
        *("invoice_lines", "invoices", "invoice_payments", "refunds", "disputes", "payment_methods"),
        *("subscription_items", "subscriptions", "subscription_schedule_items", "subscription_schedules"),
    )
)
"""All that events have written, but for customers. The catalogue and the session that we made stay."""

CHANGING = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.updated",
        "invoice.paid",
        "invoice_payment.paid",
        "checkout.session.completed",
    }
)


async def deliver(shop: Shop, event: Event) -> None:
    raw = json.dumps(event).encode()
    (secret,) = shop.context.settings.webhook_secrets
    header = signed(raw, secret.get_secret_value(), wall_now())
    answer = await shop.client.post(shop.url + WEBHOOK_PATH, content=raw, headers={"stripe-signature": header})
    assert answer.status_code == 200, answer.text


async def hand_in(shop: Shop, event: Event) -> None:
    """As `deliver`, past the signature: thousands of orders need no HTTP, those that race do."""
    await receive_event(shop.context, event)


async def final_state(shop: Shop) -> dict[str, Any]:
    """Everything that must be the same, whatever the order: not our ids, keys and times of arrival."""
    pool = shop.context.pool

    async def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await pool.fetch(query)]

    return {
        "mirror": await rows("SELECT stripe_id, kind FROM mirrors ORDER BY stripe_id"),
        "sessions": await rows(
            """
            SELECT stripe_session_id, status, payment_status, payment_failed, amount_total, stripe_subscription_id,
                   stripe_invoice_id, stripe_payment_intent_id FROM checkout_sessions ORDER BY 1
            """
        ),
        "orders": await rows("SELECT stripe_session_id, status, amount_refunded, waits_for FROM orders ORDER BY 1"),
        "subscriptions": await rows("SELECT * FROM subscriptions ORDER BY stripe_subscription_id"),
        "items": await rows("SELECT * FROM subscription_items ORDER BY stripe_subscription_item_id"),
        "invoices": await rows("SELECT * FROM invoices ORDER BY stripe_invoice_id"),
        "lines": await rows("SELECT * FROM invoice_lines ORDER BY stripe_invoice_id, position"),
        "payments": await rows("SELECT * FROM invoice_payments ORDER BY stripe_invoice_payment_id"),
        "refunds": await rows("SELECT * FROM refunds ORDER BY stripe_refund_id"),
        "disputes": await rows("SELECT * FROM disputes ORDER BY stripe_dispute_id"),
        "methods": await rows("SELECT * FROM payment_methods ORDER BY stripe_payment_method_id"),
        "schedules": await rows("SELECT * FROM subscription_schedules ORDER BY stripe_schedule_id"),
        "phases": await rows("SELECT * FROM subscription_schedule_items ORDER BY stripe_schedule_id, phase, position"),
        "licenses": await rows(
            """
            SELECT account_id, product_id, stripe_session_id, line_position, stripe_subscription_id, unit_group, unit,
                   wanted, activations_limit, status, reason, valid_until, then_status, expires_at,
                   order_id IS NOT NULL AS ordered
            FROM licenses WHERE status <> 'revoked' ORDER BY stripe_session_id, stripe_subscription_id, unit
            """
        ),
        "accounts": await rows("SELECT id, stripe_customer_id FROM accounts ORDER BY 1"),
        "mails": await rows("SELECT template, fact FROM emails WHERE template IN ('receipt', 'refund') ORDER BY 1, 2"),
    }


async def start_again(shop: Shop, *, customer_known: bool = False) -> None:
    """Delete everything that came from events; unless `customer_known`, the customer's account too.

    A job of the story before may be ending just now, and want the same rows in another order.
    """
    while True:
        try:
            await forget(shop, customer_known=customer_known)
        except asyncpg.DeadlockDetectedError:
            continue
        return


async def forget(shop: Shop, *, customer_known: bool) -> None:
    async with shop.context.pool.acquire() as conn, conn.transaction():
        await conn.execute(EMPTIED)
        await conn.execute(
            """
            UPDATE checkout_sessions SET status = 'open', payment_status = 'unpaid', payment_failed = false,
                stripe_payment_intent_id = NULL, stripe_subscription_id = NULL, stripe_invoice_id = NULL
            """
        )
        if not customer_known:
            await conn.execute("DELETE FROM customers")
            await conn.execute("UPDATE accounts SET stripe_customer_id = NULL")
            await conn.execute("DELETE FROM accounts WHERE made_for_customer IS NOT NULL")


async def told(shop: Shop, events: Sequence[Event], *, customer_known: bool = False) -> dict[str, Any]:
    """The final state after these events, one after the other."""
    await start_again(shop, customer_known=customer_known)
    for event in events:
        await hand_in(shop, event)
    await shop.settle()
    return await final_state(shop)


async def events_of(shop: Shop) -> list[Event]:
    """What the sandbox sent, in the order of its own making, without the catalogue's."""
    found = [event async for event in shop.context.stripe.list_all("event")]
    types = set(shop.webhook_types)
    return [clean(event) for event in found[::-1] if event["type"] in types and not event["type"].startswith("pr")]


async def refunded_in_part(shop: Shop) -> list[Event]:
    """A subscription and a one-off product in one cart, refunded in part."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.stripe("refunds", {"invoice": await first_invoice(shop), "amount": 1000})
    return await events_of(shop)


async def refunded_in_full(shop: Shop) -> list[Event]:
    """The same cart, refunded in full: both licenses are revoked."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.stripe("refunds", {"invoice": await first_invoice(shop)})
    return await events_of(shop)


async def disputed_and_won(shop: Shop) -> list[Event]:
    """The same cart, its payment disputed, answered, appealed and won, all in a second or two."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    body = {"invoice": await first_invoice(shop), "status": "appeal_under_review"}
    made = await shop.stripe("disputes", body)
    await shop.stripe(f"disputes/{made['id']}/close", {"status": "won"})
    return await events_of(shop)


async def disputed_and_lost(shop: Shop) -> list[Event]:
    """The same cart, its payment disputed and lost: both licenses are revoked."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.stripe("disputes", {"invoice": await first_invoice(shop), "status": "lost"})
    return await events_of(shop)


async def renewed(shop: Shop) -> list[Event]:
    """A subscription for two, lowered to one and raised to three within a second, and renewed."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", quantity=2)
    async for subscription in shop.context.stripe.list_all("subscription"):
        item = subscription["items"]["data"][0]["id"]
        for quantity in (1, 3, 2, 3):
            update = {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "none"}
            await shop.context.stripe.update("subscription", subscription["id"], update)
    await shop.turn(days=32)
    return await events_of(shop)


async def renewal_failed_and_ended(shop: Shop) -> list[Event]:
    """A subscription whose renewals all fail: past due, and cancelled after the last try."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    async for customer in shop.context.stripe.list_all("customer"):
        await shop.stripe(f"customers/{customer['id']}/card", {"card": "4000000000000341"})
    await shop.turn(days=60)
    return await events_of(shop)


STORIES = {
    "refunded in part": refunded_in_part,
    "refunded in full": refunded_in_full,
    "disputed and won": disputed_and_won,
    "disputed and lost": disputed_and_lost,
    "renewed": renewed,
    "ended": renewal_failed_and_ended,
}


async def first_invoice(shop: Shop) -> str:
    found = [invoice["id"] async for invoice in shop.context.stripe.list_all("invoice")]
    return str(found[-1])


@pytest.mark.parametrize("first", range(6))
async def test_the_events_that_change_rows_in_all_their_orders(database: str, first: int) -> None:
    """Orders that begin with this one. Drafts only matter before these: the stories below have them."""
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        events = [event for event in await events_of(shop) if event["type"] in CHANGING]
        assert len(events) == 6
        expected = await told(shop, events, customer_known=True)
        assert [row[9] for row in expected["licenses"]] == ["active"]
        begins_with = events.pop(first)
        for order in sample_of(permutations(events), 12, f"first {first}"):
            found = await told(shop, [begins_with, *order], customer_known=True)
            assert found == expected, [event["type"] for event in (begins_with, *order)]


@pytest.mark.parametrize("story", STORIES)
async def test_seeded_orders_of_all_events_each_twice(database: str, story: str) -> None:
    """Six orders of each story; in the long run thirty-four, two hundred in all."""
    async with open_shop(database, with_webhooks=False) as shop:
        events = await STORIES[story](shop)
        expected = await told(shop, events)
        draw = random.Random(story)
        for _ in range(examples(6, 34)):
            order = events * 2
            draw.shuffle(order)
            assert await told(shop, order) == expected, [event["type"] for event in order]


@pytest.mark.parametrize(("status", "license"), [("won", "active"), ("lost", "revoked")])
async def test_the_events_of_a_dispute_in_all_their_orders(database: str, status: str, license: str) -> None:
    """All in one second, with the event that links the disputed payment, after the other events."""
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        made = await shop.stripe("disputes", {"invoice": await first_invoice(shop)})
        await shop.stripe(f"disputes/{made['id']}/close", {"status": status})
        events = await events_of(shop)
        moving = [event for event in events if event["type"].startswith(("charge.dispute.", "invoice_payment."))]
        purchase = [event for event in events if event["type"] in CHANGING and event not in moving]
        assert len(moving) == (5 if status == "won" else 4)
        expected = await told(shop, [*purchase, *moving], customer_known=True)
        assert (await shop.license(account))["status"] == license
        for order in sample_of(permutations(moving), 12, status):
            found = await told(shop, [*purchase, *order], customer_known=True)
            assert found == expected, [event["type"] for event in order]
            assert (await shop.license(account))["status"] == license


@pytest.mark.parametrize("story", ["refunded in part", "refunded in full", "disputed and won"])
async def test_two_connections_at_once(database: str, story: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        events = await STORIES[story](shop)
        expected = await told(shop, events)
        draw = random.Random(7)

        async def one_after_the_other(order: Sequence[Event]) -> None:
            for event in order:
                await deliver(shop, event)

        for _ in range(examples(5, 20)):
            await start_again(shop)
            orders = draw.sample(events, len(events)), draw.sample(events, len(events))
            await asyncio.gather(*(one_after_the_other(order) for order in orders))
            await shop.settle()
            assert await final_state(shop) == expected


async def test_all_at_once(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        events = await refunded_in_full(shop)
        expected = await told(shop, events)
        for _ in range(examples(2, 5)):
            await start_again(shop)
            await asyncio.gather(*(deliver(shop, event) for event in events * 2))
            await shop.settle()
            assert await final_state(shop) == expected


async def test_changes_in_one_second_while_stripe_is_being_asked(shop: Shop) -> None:
    """Reads happen between changes of one second: a later change must not be taken for an older one."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    found = (await shop.license(account))["subscriptionId"]
    subscription = await shop.context.stripe.retrieve("subscription", found)
    assert subscription is not None
    item = subscription["items"]["data"][0]["id"]
    for quantity in (2, 1, 3, 2, 4, 1, 2):
        async with shop.context.pool.acquire() as conn, conn.transaction():
            await request(conn, Refresh("subscription", found), Cause("operator", "test"), shop.context.now())
        update = {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "none"}
        await shop.context.stripe.update("subscription", found, update)
    await shop.settle()
    statuses = [license["status"] for license in await shop.licenses(account)]
    assert statuses.count("active") == 2
