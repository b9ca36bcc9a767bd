"""What seldom happens: payments that settle later, refunds that fail, products nobody knows yet, other versions."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.support.shop import Shop, open_shop

from licet.catalog.file import EXAMPLE, read_catalog
from licet.catalog.push import push_catalog
from licet.kit.cause import Cause
from licet.queue.refresh_store import ENTRYPOINT, Refresh, request
from licet.queue.store import join_key
from licet.stripe_events.event import parse_payload
from licet.stripe_events.jobs import stripe_event_jobs
from licet.stripe_events.receive import receive_event, replay_event

Event = dict[str, Any]


async def hand_in(shop: Shop, event: Event, number: int, **changed: Any) -> None:
    """The event under another id, its object changed."""
    made = json.loads(json.dumps(event)) | {"id": f"evt_made_{number}", "created": event["created"] + number}
    made["type"] = changed.pop("type", made["type"])
    made["data"]["object"] |= changed
    await receive_event(shop.context, parse_payload(json.dumps(made).encode()))


async def make_event(shop: Shop, type_: str) -> Event:
    found = [event async for event in shop.context.stripe.list_all("event", type=type_)]
    return found.pop(0)


async def order_status(shop: Shop, account: str) -> str:
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    return str(order["status"])


async def test_a_payment_that_settles_later(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Data Migrator")
        completed = await make_event(shop, "checkout.session.completed")
        await hand_in(shop, completed, 1, payment_status="unpaid")
        assert await order_status(shop, account) == "pending"
        assert await shop.licenses(account) == []
        # The object looks as before: the type alone says that it failed.
        failed = "checkout.session.async_payment_failed"
        await hand_in(shop, completed, 2, payment_status="unpaid", type=failed)
        assert await order_status(shop, account) == "failed"
        assert await shop.licenses(account) == []
        await hand_in(shop, completed, 3, type="checkout.session.async_payment_succeeded")
        assert await order_status(shop, account) == "paid"
        assert (await shop.license(account))["status"] == "active"


async def test_a_refund_that_fails_later_gives_back_what_it_took(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Data Migrator")
        invoices = [invoice["id"] async for invoice in shop.context.stripe.list_all("invoice")]
        await shop.stripe("refunds", {"invoice": invoices[0]})
        for type_ in ("checkout.session.completed", "invoice.paid", "invoice_payment.paid", "refund.created"):
            await hand_in(shop, await make_event(shop, type_), len(type_))
        assert (await shop.license(account))["status"] == "revoked"
        assert await order_status(shop, account) == "refunded"
        refund = await make_event(shop, "refund.created")
        await hand_in(shop, refund, 99, type="refund.failed", status="failed")
        assert (await shop.license(account))["status"] == "active"
        assert await order_status(shop, account) == "paid"


async def test_a_product_that_the_catalogue_does_not_know_waits_until_it_does(shop: Shop) -> None:
    made = {"name": "Side Product", "metadata": {"licet_product": "side-product"}}
    product = await shop.context.stripe.create("product", made)
    price = await shop.context.stripe.create(
        "price", {"product": product["id"], "unit_amount": 4900, "currency": "usd"}
    )
    session = await shop.context.stripe.create(
        "checkout.session",
        {
            "mode": "payment",
            "line_items": [{"price": price["id"], "quantity": 1}],
            "success_url": "http://localhost/thanks",
            "customer_creation": "always",
        },
    )
    assert (await shop.pay(session["id"])).status_code == 200
    await shop.settle()
    (order,) = (await shop.get("/api/orders"))["data"]
    assert (order["status"], order["waitsFor"], order["licenses"]) == ("paid", [product["id"]], [])
    assert await shop.emails("welcome") == []

    catalog = read_catalog(EXAMPLE)
    sample = next(one for one in catalog.products if one.key == "data-migrator")
    side = replace(sample, key="side-product", name="Side Product")
    await push_catalog(replace(catalog, products=(*catalog.products, side)), shop.context.pool, shop.context.stripe)
    await shop.settle()
    (order,) = (await shop.get("/api/orders"))["data"]
    assert "waitsFor" not in order
    assert [license["status"] for license in order["licenses"]] == ["active"]
    assert len(await shop.emails("welcome")) == 1


async def test_an_event_in_an_unknown_version_s_layout_is_read_instead(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        for type_ in ("customer.subscription.created", "checkout.session.completed", "invoice.paid"):
            event = await make_event(shop, type_)
            event["api_version"] = "2027-03-31.fennel"
            await receive_event(shop.context, parse_payload(json.dumps(event).encode()))
        reasons = await shop.context.pool.fetch("SELECT DISTINCT reason FROM events")
        assert [row["reason"] for row in reasons] == [
            "the layout of its API version is unknown: the object is read from Stripe"
        ]
        await shop.settle()
        assert (await shop.license(account))["status"] == "active"
        assert await order_status(shop, account) == "paid"


async def test_a_replay_mends_what_a_fault_left_undone(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    pool = shop.context.pool
    await pool.execute("DELETE FROM license_timeline")
    await pool.execute("DELETE FROM licenses")
    event_id = await pool.fetchval("SELECT stripe_event_id FROM events WHERE type = 'checkout.session.completed'")
    assert await replay_event(shop.context, event_id) == "applied"
    assert (await shop.license(account))["status"] == "active"


async def test_a_read_that_raises_is_kept_and_tried_later(shop: Shop) -> None:
    pool = shop.context.pool
    product: str = await pool.fetchval("SELECT stripe_product_id FROM products ORDER BY position LIMIT 1")
    await pool.execute("ALTER TABLE products ADD CONSTRAINT broken CHECK (name = 'no such name') NOT VALID")
    (refresh,) = [job for job in stripe_event_jobs(shop.context) if job.entrypoint == ENTRYPOINT]
    async with pool.acquire() as conn, conn.transaction():
        await request(conn, Refresh("product", product), Cause("operator", "test"), shop.context.now())
    await refresh.run(join_key("product", product, 1))
    row = await pool.fetchrow(
        "SELECT attempts > 0 AS tried, error, due_at > $1 AS later FROM refreshes", shop.context.now()
    )
    assert row is not None
    assert tuple(row) == (True, "CheckViolationError", True)
    await pool.execute("ALTER TABLE products DROP CONSTRAINT broken")
    await refresh.run(join_key("product", product, 1))
    assert await pool.fetchval("SELECT count(*) FROM refreshes") == 0


async def test_a_subscription_moved_to_an_unknown_product_keeps_its_license_in_use(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    before = await shop.license(account)
    stripe = shop.context.stripe
    product = await stripe.create("product", {"name": "Nobody's"})
    recurring = {"product": product["id"], "unit_amount": 100, "currency": "usd", "recurring": {"interval": "month"}}
    price = await stripe.create("price", recurring)
    subscription = await stripe.retrieve("subscription", before["subscriptionId"])
    assert subscription is not None
    items = [{"id": subscription["items"]["data"][0]["id"], "price": price["id"], "quantity": 1}]
    await stripe.update("subscription", subscription["id"], {"items": items, "proration_behavior": "none"})
    await shop.settle()
    waits_for = await shop.context.pool.fetchval("SELECT waits_for FROM subscriptions")
    assert waits_for == [product["id"]]
    after = await shop.license(account)
    assert (after["status"], after["key"]) == ("active", before["key"])


async def test_what_was_sold_follows_its_payment_after_its_policy_was_taken_away(shop: Shop) -> None:
    one_off, monthly = await shop.make_account(), await shop.make_account("grace@example.com")
    await shop.buy(one_off, "Data Migrator")
    await shop.buy(monthly, "Shopify Connector")
    await shop.settle()
    await shop.context.pool.execute("UPDATE products SET license_policy = NULL")
    await shop.turn(days=32)
    assert (await shop.license(monthly))["status"] == "active"
    invoice = await shop.context.pool.fetchval(
        "SELECT stripe_invoice_id FROM invoices WHERE account_id = $1", UUID(one_off)
    )
    await shop.stripe("refunds", {"invoice": invoice})
    await shop.settle()
    assert (await shop.license(one_off))["status"] == "revoked"
