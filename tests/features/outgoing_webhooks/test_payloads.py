"""What each outgoing event says, by what really happened: exact keys, as it reads when it is asked for."""

import json
from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID, uuid4

import jsonschema_rs
import pytest
import pytest_asyncio
from tests.support.shop import Shop, eventually, open_shop

from licet.accounts.mirror import MOVE_STATEMENTS
from licet.errors import NotFound
from licet.outbox.store import EventName
from licet.outgoing_webhooks.payloads.registry import EVENT_KINDS, compose_event, encode

PURCHASE = ["orderId", "customerId", "customerEmail", "amount", "currency", "lineItems", "licenses"]
INVOICE = {
    *("id", "number", "status", "amountDue", "amountPaid", "currency", "createdAt", "periodStart", "periodEnd"),
    *("subscriptionId", "hostedInvoiceUrl", "invoicePdf", "accountId"),
}
SUBSCRIPTION = {
    *("id", "status", "currentPeriodStart", "currentPeriodEnd", "cancelAtPeriodEnd", "items", "accountId"),
    *("cancelAt", "canceledAt", "trialEnd"),
}
LICENSE = {
    *("id", "key", "productId", "productName", "status", "activationsCount", "activationsLimit", "expiresAt"),
    *("createdAt", "subscriptionId", "orderId", "entitlements", "accountId", "change"),
}
REFUND = {"refundId", "amount", "currency", "status", "accountId", "invoiceId", "subscriptionId", "orderId"}
FAILURE = {"accountId", "amount", "currency", "invoiceId", "attempt", "nextAttemptAt", "sessionId", "url"}


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    async with open_shop(database) as opened:
        yield opened


async def told(shop: Shop, event: EventName) -> list[dict[str, Any]]:
    """All events of this name so far as they read now, the oldest first; each fits what is said of it."""
    rows = await shop.context.pool.fetch(
        "SELECT id, created_at FROM outgoing_events WHERE event = $1 ORDER BY created_at, id", event
    )
    bodies = [await compose_event(shop.context, row["id"]) for row in rows]
    fits = jsonschema_rs.validator_for(
        EVENT_KINDS[event].body.model_json_schema(mode="serialization"), validate_formats=True
    )
    for row, body in zip(rows, bodies, strict=True):
        assert list(body) == ["id", "event", "createdAt", "data"]
        assert (body["id"], body["event"]) == (str(row["id"]), event)
        assert body["createdAt"] == row["created_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
        fits.validate(json.loads(encode(body)))
    return bodies


async def one_told(shop: Shop, event: EventName) -> dict[str, Any]:
    """The data of the only one."""
    (body,) = await told(shop, event)
    data: dict[str, Any] = body["data"]
    return data


async def payment_of(shop: Shop, account: str) -> str:
    """The payment intent of the account's newest payment."""
    found: str = await shop.context.pool.fetchval(
        """
        SELECT stripe_payment_intent_id FROM invoice_payments JOIN invoices USING (stripe_invoice_id)
        WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1
        """,
        account,
    )
    return found


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    assert set(names) <= set(data)
    return {name: value for name, value in data.items() if name not in names}


def turn(license_: dict[str, Any]) -> tuple[str, str | None, str]:
    """What it is now, and the change that is told of."""
    return license_["status"], license_["change"]["from"], license_["change"]["to"]


def test_every_event_has_its_body() -> None:
    assert list(EVENT_KINDS) == list(get_args(EventName))
    for event, kind in EVENT_KINDS.items():
        assert get_args(kind.body.model_fields["event"].annotation) == (event,)


async def test_a_purchase(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector", "Data Migrator", quantity=2)
    await shop.settle()
    data = await one_told(shop, "checkout.completed")
    (order,) = (await shop.get("/api/orders"))["data"]
    assert list(data) == PURCHASE
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", account)
    assert customer.startswith("cus_")
    assert (data["orderId"], data["customerId"]) == (order["id"], customer)
    assert (data["customerEmail"], data["amount"], data["currency"]) == ("ada@example.com", 2 * (14900 + 49900), "usd")
    connector, migrator = [(await shop.product(name))["id"] for name in ("Shopify Connector", "Data Migrator")]
    assert data["lineItems"] == [
        {"productId": connector, "productName": "Shopify Connector", "quantity": 2, "unitAmount": 14900},
        {"productId": migrator, "productName": "Data Migrator", "quantity": 2, "unitAmount": 49900},
    ]
    licenses = await shop.licenses(account)
    assert len(licenses) == 4
    assert sorted(data["licenses"], key=lambda one: one["licenseKey"]) == sorted(
        (
            {
                "licenseKey": one["key"],
                "productId": one["productId"],
                "activationsLimit": one["activationsLimit"],
                "expiresAt": one["expiresAt"],
            }
            for one in licenses
        ),
        key=lambda one: one["licenseKey"],
    )
    assert {one["expiresAt"] is None for one in data["licenses"]} == {True, False}

    # The licenses, each with the line of its timeline.
    issued = [one["data"] for one in await told(shop, "license.issued")]
    assert len(issued) == 4
    for one in issued:
        assert set(one) == LICENSE
        (line,) = (await shop.get(f"/api/licenses/{one['id']}/timeline"))["data"]
        assert one["change"] == without(line, "change")
        assert (one["accountId"], one["change"]["from"], one["change"]["to"]) == (account, None, "active")
        assert without(one, "accountId", "change") in licenses

    invoice = await one_told(shop, "invoice.paid")
    assert set(invoice) == INVOICE
    assert invoice["accountId"] == account
    assert [without(invoice, "accountId")] == (await shop.get("/api/billing/invoices"))["data"]

    for one in await told(shop, "subscription.updated"):
        assert set(one["data"]) == SUBSCRIPTION
        assert one["data"]["accountId"] == account
        found = without(one["data"], "accountId", "cancelAt", "canceledAt", "trialEnd")
        assert [found] == (await shop.get("/api/billing/subscriptions"))["data"]


async def test_an_end_as_it_reads_at_the_time(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    (before,) = (await shop.get("/api/billing/subscriptions"))["data"]
    await shop.api("POST", f"/api/billing/subscriptions/{before['id']}/cancel?accountId={account}")
    await shop.settle()
    changes = await told(shop, "subscription.updated")
    assert len(changes) > 1
    # All that was told of it before reads as it is now.
    for change in changes:
        assert change["data"]["status"] == "active"
        assert (change["data"]["cancelAtPeriodEnd"], change["data"]["cancelAt"]) == (True, before["currentPeriodEnd"])
        assert change["data"]["canceledAt"] is not None
    assert await told(shop, "subscription.deleted") == []

    await shop.turn(days=32)
    ended = await one_told(shop, "subscription.deleted")
    assert set(ended) == SUBSCRIPTION
    assert (ended["status"], ended["cancelAt"], ended["accountId"]) == ("canceled", None, account)
    assert (await told(shop, "subscription.updated"))[0]["data"] == ended
    revoked = await one_told(shop, "license.revoked")
    assert set(revoked) == LICENSE
    (now,) = await shop.licenses(account)
    assert without(revoked, "accountId", "change") == now
    assert turn(revoked) == ("revoked", "active", "revoked")
    assert revoked["change"]["because"]["kind"] == "stripe_event"
    assert (await one_told(shop, "license.issued"))["status"] == "revoked"


async def test_a_trial(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Scale")
    await shop.settle()
    data = (await told(shop, "subscription.updated"))[-1]["data"]
    assert (data["status"], data["trialEnd"]) == ("trialing", data["currentPeriodEnd"])
    bought = await one_told(shop, "checkout.completed")
    assert (bought["amount"], bought["licenses"], bought["lineItems"][0]["productName"]) == (0, [], "Scale")
    assert (await one_told(shop, "invoice.paid"))["amountPaid"] == 0


async def test_refunds_of_an_order_and_of_a_renewal(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    (order,) = (await shop.get("/api/orders"))["data"]
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account), "amount": 4900})
    await shop.settle()
    refund = await one_told(shop, "charge.refunded")
    (invoice,) = (await shop.get("/api/billing/invoices"))["data"]
    assert set(refund) == REFUND
    assert without(refund, "refundId") == {
        "amount": 4900,
        "currency": "usd",
        "status": "succeeded",
        "accountId": account,
        "invoiceId": invoice["id"],
        "subscriptionId": order["subscriptionId"],
        "orderId": order["id"],
    }
    assert refund["refundId"] == await shop.context.pool.fetchval("SELECT stripe_refund_id FROM refunds")

    # A renewal is paid for its subscription alone.
    await shop.turn(days=32)
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, account)})
    await shop.settle()
    (renewal, _) = (await shop.get("/api/billing/invoices"))["data"]
    last = (await told(shop, "charge.refunded"))[-1]["data"]
    assert (last["invoiceId"], last["orderId"], last["amount"]) == (renewal["id"], None, 14900)
    assert last["subscriptionId"] == order["subscriptionId"]


async def test_a_renewal_that_fails_and_what_follows(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    await shop.settle()
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM accounts WHERE id = $1", account)
    await shop.stripe(f"customers/{customer}/card", {"card": "4000000000000341"})
    await shop.turn(days=31, hours=2)
    failure = await one_told(shop, "payment.failed")
    (invoice, _) = (await shop.get("/api/billing/invoices"))["data"]
    assert set(failure) == FAILURE
    assert without(failure, "nextAttemptAt") == {
        "accountId": account,
        "amount": 14900,
        "currency": "usd",
        "invoiceId": invoice["id"],
        "attempt": 1,
        "sessionId": None,
        "url": invoice["hostedInvoiceUrl"],
    }
    assert failure["url"]
    assert failure["nextAttemptAt"] > (await told(shop, "payment.failed"))[0]["createdAt"]

    await shop.turn(days=4)
    suspended = await one_told(shop, "license.suspended")
    assert turn(suspended) == ("suspended", "active", "suspended")
    await shop.stripe(f"customers/{customer}/card", {"card": "4242424242424242"})
    await shop.turn(days=6)
    reinstated = await one_told(shop, "license.reinstated")
    assert turn(reinstated) == ("active", "suspended", "active")
    # It was paid meanwhile: there is nothing left to pay, and it is said of the first try too.
    first = (await told(shop, "payment.failed"))[0]["data"]
    assert (first["attempt"], first["url"], first["nextAttemptAt"], first["amount"]) == (1, None, None, 14900)
    assert [one["data"]["attempt"] for one in await told(shop, "payment.failed")] == [1, 2]


async def test_a_checkout_that_fails_and_is_paid_then(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Data Migrator")
    assert (await shop.pay(session, "4000000000000002")).status_code == 402
    await shop.settle()
    failure = await one_told(shop, "payment.failed")
    assert failure == {
        "accountId": account,
        "amount": 49900,
        "currency": "usd",
        "invoiceId": None,
        "attempt": None,
        "nextAttemptAt": None,
        "sessionId": session,
        "url": failure["url"],
    }
    assert failure["url"].endswith(session)
    await shop.pay(session)
    await shop.settle()
    assert await one_told(shop, "payment.failed") == {**failure, "url": None}
    assert (await one_told(shop, "checkout.completed"))["amount"] == 49900


async def test_a_plan_that_was_bought_twice(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.context.pool.execute("UPDATE accounts SET external_id = 'acme' WHERE id = $1", account)
    for session in [await shop.checkout(account, "Growth") for _ in range(2)]:
        assert (await shop.pay(session)).status_code == 200

    async def undone() -> bool:
        await shop.turn(seconds=10)
        return bool(await told(shop, "subscription.undone"))

    await eventually(undone)
    await shop.settle()
    data = await one_told(shop, "subscription.undone")
    subscriptions = (await shop.get("/api/billing/subscriptions", status="all"))["data"]
    (kept,) = [one["id"] for one in subscriptions if one["status"] == "active"]
    (gone,) = [one["id"] for one in subscriptions if one["status"] == "canceled"]
    refund = await one_told(shop, "charge.refunded")
    assert data == {
        "subscriptionId": gone,
        "keptSubscriptionId": kept,
        "accountId": account,
        "externalId": "acme",
        "plans": [{"productId": (await shop.product("Growth"))["id"], "productName": "Growth"}],
        "refunds": [
            {"refundId": refund["refundId"], "amount": 9900, "currency": "usd", "status": "succeeded"},
        ],
        "amountRefunded": 9900,
        "amountCredited": 0,
        "currency": "usd",
        "subscriptionContinues": False,
    }
    assert refund["subscriptionId"] == gone


async def test_no_row_holds_a_key_but_its_body_does(shop: Shop) -> None:
    account = await shop.make_account()
    pool = shop.context.pool
    await pool.execute(
        """
        INSERT INTO webhook_endpoints (id, url, events, secret_encrypted, created_at, rests_until)
        VALUES ($1, 'https://vendor.example/hook', '{*}', 'x', now(), '2100-01-01')
        """,
        uuid4(),
    )
    await shop.buy(account, "Data Migrator", quantity=3)
    await eventually(lambda: _have_keys(shop, account, 3))
    bodies = [encode(one).decode() for one in await told(shop, "checkout.completed")]
    rows = [
        str(dict(row))
        for table in ("outgoing_events", "deliveries")
        for row in await pool.fetch(f"SELECT * FROM {table}")
    ]
    assert len(rows) > 8
    for one in await shop.licenses(account):
        assert one["key"] in bodies[0]
        assert not [row for row in rows if one["key"] in row]


async def _have_keys(shop: Shop, account: str, count: int) -> bool:
    return len(await shop.licenses(account)) == count


async def test_whoever_it_is_now(shop: Shop) -> None:
    """What moved with its customer is told as the account's that it belongs to."""
    first, second = await shop.make_account(), await shop.make_account("grace@example.com")
    await shop.buy(first, "Shopify Connector")
    await shop.settle()
    await shop.stripe("refunds", {"paymentIntent": await payment_of(shop, first), "amount": 100})
    await shop.settle()
    for statement in MOVE_STATEMENTS:
        await shop.context.pool.execute(statement, UUID(first), UUID(second))
    for event in ("invoice.paid", "subscription.updated", "charge.refunded", "license.issued"):
        bodies = await told(shop, event)
        assert bodies
        assert {one["data"]["accountId"] for one in bodies} == {second}


async def test_an_unknown_one(shop: Shop) -> None:
    with pytest.raises(NotFound, match="no such outgoing event"):
        await compose_event(shop.context, uuid4())
