"""The order of events does not matter: one purchase's events in all orders, doubled, and from two connections at once.

What "the same final state" means stands in docs/decisions/order-does-not-matter.md. The events are real ones of the
sandbox; Licet is emptied between the orders, and reads what it must from Stripe.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from tests.support.shop import Shop, open_shop
from tests.support.signing import signed

from licet.kit.times import wall_now
from licet.node.serving import WEBHOOK_PATH

Event = dict[str, Any]

EMPTIED = """
    TRUNCATE events, mirrors, refreshes, emails, license_timeline, licenses, orders, invoice_lines, invoices,
             invoice_payments, refunds, subscription_items, subscriptions, customers, pgqueuer CASCADE
"""
"""All that events have written. Accounts, the catalogue and the session that we made stay."""

CHANGING = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
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


async def final_state(shop: Shop) -> dict[str, Any]:
    """Everything that must be the same, whatever the order: no ids of ours, no keys, no times of arrival."""
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
        "licenses": await rows(
            """
            SELECT account_id, product_id, stripe_session_id, line_position, stripe_subscription_id, unit_group, unit,
                   wanted, activations_limit, status, reason, valid_until, then_status, expires_at,
                   order_id IS NOT NULL AS ordered
            FROM licenses WHERE status <> 'revoked' ORDER BY stripe_session_id, stripe_subscription_id, unit
            """
        ),
        "mails": await rows("SELECT template FROM emails WHERE template IN ('welcome') ORDER BY 1"),
    }


async def start_again(shop: Shop) -> None:
    await shop.context.pool.execute(EMPTIED)
    await shop.context.pool.execute(
        """
        UPDATE checkout_sessions SET status = 'open', payment_status = 'unpaid', payment_failed = false,
            stripe_payment_intent_id = NULL, stripe_subscription_id = NULL, stripe_invoice_id = NULL
        """
    )


async def told(shop: Shop, events: Sequence[Event]) -> dict[str, Any]:
    """The final state after these events, one after the other."""
    await start_again(shop)
    for event in events:
        await deliver(shop, event)
    await shop.settle()
    return await final_state(shop)


async def events_of(shop: Shop) -> list[Event]:
    """What the sandbox sent, in the order of its own making, without the catalogue's."""
    found = [event async for event in shop.context.stripe.list_all("event")]
    types = set(shop.webhook_types)
    return [event for event in found[::-1] if event["type"] in types and not event["type"].startswith(("pr", "plan"))]


async def refunded_purchase(shop: Shop) -> list[Event]:
    """A subscription with a one-time product, bought, then refunded in part: its events."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.stripe("refunds", {"invoice": await first_invoice(shop), "amount": 1000})
    return await events_of(shop)


async def first_invoice(shop: Shop) -> str:
    found = [invoice["id"] async for invoice in shop.context.stripe.list_all("invoice")]
    return str(found[-1])


async def test_the_events_that_change_rows_in_all_their_orders(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        events = [event for event in await events_of(shop) if event["type"] in CHANGING]
        expected = await told(shop, events)
        assert [row[9] for row in expected["licenses"]] == ["active"]
        # Of those that change the same rows, every order; the others stand where they did.
        core = [event for event in events if event["type"] not in ("invoice.created", "invoice.finalized")]
        drafts = [event for event in events if event not in core]
        for order in permutations(core):
            assert await told(shop, [*order, *drafts]) == expected, [event["type"] for event in order]


@pytest.mark.parametrize("seed", range(4))
async def test_seeded_orders_of_all_events_each_twice(database: str, seed: int) -> None:
    """Fifty orders a seed, two hundred in all."""
    async with open_shop(database, with_webhooks=False) as shop:
        events = await refunded_purchase(shop)
        expected = await told(shop, events)
        assert len(expected["licenses"]) == 2
        draw = random.Random(seed)
        for _ in range(50):
            order = events * 2
            draw.shuffle(order)
            assert await told(shop, order) == expected, [event["type"] for event in order]


async def test_two_connections_at_once(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        events = await refunded_purchase(shop)
        expected = await told(shop, events)
        draw = random.Random(7)

        async def one_after_the_other(order: Sequence[Event]) -> None:
            for event in order:
                await deliver(shop, event)

        for _ in range(20):
            await start_again(shop)
            orders = draw.sample(events, len(events)), draw.sample(events, len(events))
            await asyncio.gather(*(one_after_the_other(order) for order in orders))
            await shop.settle()
            assert await final_state(shop) == expected


async def test_all_at_once(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        events = await refunded_purchase(shop)
        expected = await told(shop, events)
        for _ in range(5):
            await start_again(shop)
            await asyncio.gather(*(deliver(shop, event) for event in events * 2))
            await shop.settle()
            assert await final_state(shop) == expected
