"""The vendor's own systems are told of what happens: once for each business fact, signed, however Stripe tells it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from tests.support.hook import ENDPOINTS, Hook, open_hook
from tests.support.listener import http_reply
from tests.support.shop import Shop, open_shop
from tests.support.stripe_events import event

from licet.kit.times import rfc3339
from licet.outgoing_webhooks.retries import DELIVERY_RETRY
from licet.stripe_events.receive import receive_event


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    """A shop whose vendor has a machine of his own on this one."""
    async with open_shop(database, webhooks_allow_private=("127.0.0.1",), operator_email="boss@acme.example") as opened:
        yield opened


@pytest_asyncio.fixture
async def hook(shop: Shop) -> AsyncIterator[Hook]:
    """It listens for everything."""
    async with open_hook(shop) as opened:
        yield opened


async def test_a_purchase(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator")
    await shop.settle()
    (order,) = (await shop.get("/api/orders", accountId=account))["data"]
    licenses = await shop.licenses(account)
    expected = ["checkout.completed", "invoice.paid", *["license.issued"] * 2]
    assert [name for name in hook.names() if name != "subscription.updated"] == expected
    data = hook.one("checkout.completed")
    assert set(data) == {"orderId", "customerId", "customerEmail", "amount", "currency", "lineItems", "licenses"}
    assert (data["orderId"], data["amount"], data["currency"]) == (order["id"], 14900 + 49900, "usd")
    assert data["customerEmail"] == "ada@example.com"
    assert data["customerId"].startswith("cus_")
    assert data["lineItems"] == [
        {**{name: one[name] for name in ("productId", "productName", "unitAmount")}, "quantity": 1}
        for one in order["items"]
    ]
    assert sorted(one["licenseKey"] for one in data["licenses"]) == sorted(one["key"] for one in licenses)
    for one in data["licenses"]:
        assert set(one) == {"licenseKey", "productId", "activationsLimit", "expiresAt"}
    issued = {told["data"]["key"]: told["data"] for told in hook.arrived("license.issued")}
    assert set(issued) == {one["key"] for one in licenses}
    assert {one["accountId"] for one in issued.values()} == {account}
    assert hook.one("invoice.paid")["amountPaid"] == 14900 + 49900
    assert hook.arrived("subscription.updated")[-1]["data"]["status"] == "active"
    assert {one["status"] for one in await hook.deliveries()} == {"delivered"}


async def test_a_life_to_its_end(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    (subscription,) = (await shop.get("/api/billing/subscriptions", accountId=account))["data"]
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM customers")
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    hook.listener.requests.clear()
    await shop.turn(days=32)
    failed = hook.one("payment.failed")
    assert (failed["accountId"], failed["amount"], failed["currency"]) == (account, 14900, "usd")
    assert failed["attempt"] == 1
    assert hook.arrived("subscription.updated")[-1]["data"]["status"] == "past_due"
    await shop.turn(days=4)
    (suspended,) = hook.arrived("license.suspended")
    assert suspended["data"]["status"] == "suspended"
    assert (suspended["data"]["change"]["from"], suspended["data"]["change"]["to"]) == ("active", "suspended")
    await shop.stripe(f"customers/{customer}/card", {"card": "4242424242424242"})
    await shop.turn(days=5)
    assert hook.one("license.reinstated")["status"] == "active"
    assert hook.one("invoice.paid")["subscriptionId"] == subscription["id"]
    answer = await shop.api(
        "POST", f"/api/billing/subscriptions/{subscription['id']}/cancel", json={"cancelAtPeriodEnd": False}
    )
    assert answer.status_code == 200, answer.text
    await shop.settle()
    assert hook.one("subscription.deleted")["id"] == subscription["id"]
    assert hook.one("license.revoked")["status"] == "revoked"


async def test_money_that_goes_back(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    payment_intent = await shop.context.pool.fetchval(
        "SELECT stripe_payment_intent_id FROM invoice_payments WHERE stripe_payment_intent_id IS NOT NULL"
    )
    await shop.stripe("refunds", {"paymentIntent": payment_intent, "amount": 10000})
    await shop.settle()
    assert hook.one("charge.refunded")["amount"] == 10000
    assert hook.arrived("license.revoked") == []
    await shop.stripe("refunds", {"paymentIntent": payment_intent})
    await shop.settle()
    first, second = hook.arrived("charge.refunded")
    assert (first["data"]["amount"], second["data"]["amount"]) == (10000, 39900)
    assert second["data"]["orderId"] == hook.one("checkout.completed")["orderId"]
    assert hook.one("license.revoked")["change"]["because"]["reason"] == "refunded"


async def test_a_plan_bought_twice(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    for session in [await shop.checkout(account, "Growth") for _ in range(2)]:
        assert (await shop.pay(session)).status_code == 200
    for _ in range(4):
        await shop.turn(seconds=10)
    gone, kept = (await shop.get("/api/billing/subscriptions", accountId=account, status="all"))["data"]
    if kept["status"] == "canceled":
        gone, kept = kept, gone
    data = hook.one("subscription.undone")
    assert (data["subscriptionId"], data["keptSubscriptionId"]) == (gone["id"], kept["id"])
    assert data["accountId"] == account
    (refund,) = data["refunds"]
    assert (refund["amount"], refund["currency"], refund["status"]) == (9900, "usd", "succeeded")
    assert hook.one("charge.refunded")["refundId"] == refund["refundId"]
    assert len(await shop.emails("duplicate_plan")) == 1
    # What is undone was never told of as a purchase.
    assert hook.names().count("checkout.completed") == 1


async def test_whatever_is_repeated_reordered_or_lost_is_told_once(shop: Shop, hook: Hook) -> None:
    await shop.stripe("faults", {"duplicate": 0.5, "reorder": 0.3, "delay": 0.2, "drop": 0.1, "seed": 11})
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", quantity=3)
    await shop.turn(days=33)
    await shop.stripe("faults", {})
    await shop.turn(hours=1)
    events = [row["stripe_event_id"] for row in await shop.context.pool.fetch("SELECT stripe_event_id FROM events")]
    for event_id in events:
        answer = await shop.api("POST", f"/api/admin/events/{event_id}/replay")
        assert answer.status_code == 200, answer.text
    await shop.settle()
    told = hook.arrived()
    assert len({one["id"] for one in told}) == len(told)
    assert hook.names().count("checkout.completed") == 1
    assert hook.names().count("license.issued") == 3
    paid = [one["data"]["id"] for one in hook.arrived("invoice.paid")]
    assert len(paid) == len(set(paid)) == 2


async def test_nobody_listens_then_somebody_does(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    async with open_hook(shop) as late:
        # What happened before is touched again by whatever comes.
        for row in await shop.context.pool.fetch("SELECT stripe_event_id FROM events"):
            await shop.api("POST", f"/api/admin/events/{row['stripe_event_id']}/replay")
        await shop.settle()
        assert late.arrived() == []
        await shop.turn(days=32)
        assert late.names().count("invoice.paid") == 1


async def test_who_listens_for_one_thing_hears_nothing_else(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    async with open_hook(shop, "invoice.paid", "license.revoked") as picky:
        await shop.buy(account, "Shopify Connector")
        await shop.settle()
        assert picky.names() == ["invoice.paid"]
        assert picky.arrived()[0]["id"] == hook.arrived("invoice.paid")[0]["id"]
        await picky.change(enabled=False)
        await shop.turn(days=32)
        assert picky.names() == ["invoice.paid"]
        assert hook.names().count("invoice.paid") == 2


async def test_a_machine_that_is_down_is_told_when_it_is_back(shop: Shop, hook: Hook) -> None:
    hook.listener.reply = http_reply(503)
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    tried = len(hook.arrived("license.issued"))
    assert tried >= 1
    (failed,) = [one for one in await hook.deliveries() if one["event"] == "license.issued"]
    assert (failed["status"], failed["responseStatus"], failed["error"]) == ("pending", 503, "answered 503")
    hook.listener.reply = http_reply(200)
    for wait in DELIVERY_RETRY.waits[:3]:
        await shop.turn(seconds=wait.total_seconds(), minutes=1)
    again = hook.arrived("license.issued")
    assert len(again) > tried
    assert len({one["id"] for one in again}) == 1
    assert {one["status"] for one in await hook.deliveries()} == {"delivered"}
    assert (await hook.endpoint())["failingSince"] is None


async def test_three_days_of_silence_disable_it_and_the_operator_is_told(shop: Shop, hook: Hook) -> None:
    hook.listener.reply = None
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    for wait in DELIVERY_RETRY.waits:
        # Longer than the endpoint may rest beyond it.
        await shop.turn(seconds=wait.total_seconds(), minutes=20)
    shown = await hook.endpoint()
    assert (shown["enabled"], shown["disabledBecause"]) == (False, "failing")
    (mail,) = await shop.emails("endpoint_disabled")
    assert mail["to"] == "boss@acme.example"
    text = (await shop.get(f"/api/admin/emails/{mail['id']}"))["text"]
    assert f"http://127.0.0.1:{hook.listener.port}/licet" in text
    assert hook.listener.requests == []
    # Mended, enabled, and what was missed is replayed.
    hook.listener.reply = http_reply(200)
    await hook.change(enabled=True)
    assert await hook.deliveries(status="pending") == []
    missed = await hook.deliveries(status="failed")
    assert {one["event"] for one in missed} >= {"checkout.completed", "license.issued"}
    for one in missed:
        await hook.replay(one["id"])
    await shop.settle()
    assert {one["status"] for one in await hook.deliveries()} == {"delivered"}
    assert hook.one("license.issued")["key"] == (await shop.license(account))["key"]


async def test_gone_is_believed_at_once(shop: Shop, hook: Hook) -> None:
    hook.listener.reply = http_reply(410)
    await shop.buy(await shop.make_account(), "Data Migrator")
    await shop.settle()
    shown = await hook.endpoint()
    assert (shown["enabled"], shown["disabledBecause"]) == (False, "gone")
    assert len(await shop.emails("endpoint_disabled")) == 1
    for one in await hook.deliveries():
        assert one["status"] == "failed"


async def test_after_a_rotation_both_secrets_verify(shop: Shop, hook: Hook) -> None:
    old = hook.secret
    hook.secret = (await hook.change(rotateSecret=True))["secret"]
    assert hook.secret != old
    await shop.buy(await shop.make_account(), "Data Migrator")
    await shop.settle()
    assert hook.names().count("license.issued") == 1
    hook.secret = old
    assert hook.names().count("license.issued") == 1


async def test_no_row_holds_a_license_key(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    key = (await shop.license(account))["key"]
    pool = shop.context.pool
    for table in ("outgoing_events", "deliveries", "webhook_endpoints", "pgqueuer", "pgqueuer_log"):
        rows = await pool.fetch(f"SELECT row_to_json({table})::text AS row FROM {table}")
        assert all(key not in row["row"] for row in rows), table
        assert all(hook.secret not in row["row"] for row in rows), table
    (delivery,) = [one for one in await hook.deliveries() if one["event"] == "license.issued"]
    answer = await shop.api("GET", f"{ENDPOINTS}/{hook.id}/deliveries/{delivery['id']}")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["body"]["data"]["key"] == key


async def test_an_endpoint_deleted_under_way(shop: Shop, hook: Hook) -> None:
    hook.listener.reply = http_reply(500)
    await shop.buy(await shop.make_account(), "Data Migrator")
    await shop.settle()
    answer = await shop.api("DELETE", f"{ENDPOINTS}/{hook.id}")
    assert answer.status_code == 204
    await shop.turn(hours=1)
    assert await shop.context.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_times_are_those_of_business(shop: Shop, hook: Hook) -> None:
    await shop.turn(days=40)
    before = shop.context.now()
    await shop.buy(await shop.make_account(), "Data Migrator")
    await shop.settle()
    created = hook.arrived("license.issued")[0]["createdAt"]
    assert rfc3339(before) <= created <= rfc3339(shop.context.now() + timedelta(seconds=1))


async def test_a_payment_that_settles_later_and_fails(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    session_id = await shop.checkout(account, "Data Migrator")
    session = await shop.context.stripe.retrieve("checkout.session", session_id)
    assert session is not None
    unpaid = {**session, "status": "complete", "payment_status": "unpaid"}
    for kind in ("checkout.session.completed", "checkout.session.async_payment_failed"):
        for _ in range(2):
            await receive_event(shop.context, event(kind, unpaid))
    await shop.settle()
    failed = hook.one("payment.failed")
    assert (failed["sessionId"], failed["accountId"], failed["amount"]) == (session_id, account, 49900)
    assert failed["url"] is None


async def test_what_is_refunded_before_we_hear_of_it_begins_as_revoked(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    session_id = await shop.checkout(account, "Data Migrator")
    await shop.stripe("faults", {"drop": 1})
    assert (await shop.pay(session_id)).status_code == 200
    session = await shop.context.stripe.retrieve("checkout.session", session_id)
    assert session is not None
    invoice = await shop.context.stripe.retrieve("invoice", session["invoice"], ("payments",))
    assert invoice is not None
    payment = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    await shop.stripe("refunds", {"paymentIntent": payment})
    await shop.stripe("faults", {})
    dropped = (await shop.client.get(f"{shop.sandbox_url}/_sandbox/deliveries?state=dropped&limit=100")).json()["data"]
    for delivery in dropped:
        await shop.stripe(f"deliveries/{delivery['id']}/resend")
    await shop.settle()
    assert (await shop.license(account))["status"] == "revoked"
    assert (hook.one("license.issued")["change"]["from"], hook.one("license.issued")["change"]["to"]) == (
        None,
        "revoked",
    )
    assert hook.one("license.revoked")["status"] == "revoked"


async def test_a_subscription_that_looks_the_same_is_no_news(shop: Shop, hook: Hook) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Starter")
    await shop.settle()
    told = hook.names().count("subscription.updated")
    assert told == 1
    (subscription,) = (await shop.get("/api/billing/subscriptions", accountId=account))["data"]
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM customers")
    await shop.stripe(f"customers/{customer}/card", {"card": "5555555555554444"})
    await shop.context.stripe.update("subscription", subscription["id"], {"metadata": {"note": "of the vendor's"}})
    await shop.settle()
    assert hook.names().count("subscription.updated") == told
    for end in (True, False, True):
        await shop.context.stripe.update("subscription", subscription["id"], {"cancel_at_period_end": end})
        await shop.settle()
    # Back to what it was is a change, too.
    ends = [one["data"]["cancelAtPeriodEnd"] for one in hook.arrived("subscription.updated")]
    assert len(ends) == told + 3
