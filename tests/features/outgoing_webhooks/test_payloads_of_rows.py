"""What is rarely so when an event is told: no address, things that are gone, time that has passed."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from benchmarks.reading.queries import noted
from tests.factories.accounts import make_account
from tests.factories.catalog import make_product
from tests.factories.licenses import License, make_license
from tests.factories.orders import Order, make_order

from licet.errors import NotFound
from licet.http.context import Context
from licet.kit.times import rfc3339
from licet.outbox.store import EventName, OutgoingEvent, publish
from licet.outgoing_webhooks.payloads.registry import compose_event, encode

NOWHERE = str(uuid4())

ABOUT: dict[EventName, dict[str, str | int]] = {
    "checkout.completed": {"orderId": NOWHERE},
    "invoice.paid": {"invoiceId": "in_gone"},
    "subscription.updated": {"subscriptionId": "sub_gone"},
    "subscription.deleted": {"subscriptionId": "sub_gone"},
    "subscription.undone": {"subscriptionId": "sub_gone"},
    "charge.refunded": {"refundId": "re_gone"},
    "payment.failed": {"invoiceId": "in_gone", "attempt": 1},
    "license.issued": {"licenseId": NOWHERE, "lineId": NOWHERE},
    "license.suspended": {"licenseId": NOWHERE, "lineId": NOWHERE},
    "license.reinstated": {"licenseId": NOWHERE, "lineId": NOWHERE},
    "license.revoked": {"licenseId": NOWHERE, "lineId": NOWHERE},
    "license.expired": {"licenseId": NOWHERE, "lineId": NOWHERE},
}


async def tell(context: Context, event: EventName, about: dict[str, str | int]) -> UUID:
    """An outgoing event as a row; its id."""
    async with context.pool.acquire() as conn:
        await publish(conn, [OutgoingEvent(event, "fact", None, about)], context.now())
        found: UUID = await conn.fetchval("SELECT id FROM outgoing_events WHERE event = $1 AND fact = 'fact'", event)
    return found


async def data_of(context: Context, event: EventName, about: dict[str, str | int]) -> dict[str, Any]:
    body = await compose_event(context, await tell(context, event, about))
    data: dict[str, Any] = body["data"]
    return data


@pytest.fixture
async def order(context: Context) -> Order:
    """Of a subscription and of what is bought once, and two licenses of it."""
    products = [await make_product(context), await make_product(context, interval=None)]
    order = await make_order(context, await make_account(context), products)
    await make_license(context, order, products[0], expires_at=context.now() + timedelta(days=30))
    await make_license(context, order, products[1], activations_limit=None)
    return order


@pytest.mark.parametrize("event", list(ABOUT))
async def test_what_is_gone(context: Context, event: EventName) -> None:
    event_id = await tell(context, event, ABOUT[event])
    with pytest.raises(NotFound):
        await compose_event(context, event_id)


async def test_a_failed_checkout_that_is_gone(context: Context) -> None:
    event_id = await tell(context, "payment.failed", {"sessionId": "cs_gone"})
    with pytest.raises(NotFound, match="no such checkout session"):
        await compose_event(context, event_id)


async def test_to_whom_a_purchase_can_be_written(context: Context, order: Order) -> None:
    """The address of the purchase, else the account's, else its customer's; nobody's where there is none."""
    pool = context.pool
    event_id = await tell(context, "checkout.completed", {"orderId": str(order.id)})

    async def buyer() -> tuple[str | None, str | None]:
        data = (await compose_event(context, event_id))["data"]
        return data["customerId"], data["customerEmail"]

    email = await pool.fetchval("SELECT email FROM accounts WHERE id = $1", order.account_id)
    assert await buyer() == (None, email)
    await pool.execute("UPDATE checkout_sessions SET customer_email = 'cart@example.com'")
    assert await buyer() == (None, "cart@example.com")

    await pool.execute("UPDATE checkout_sessions SET customer_email = NULL")
    await pool.execute("UPDATE accounts SET email = NULL, stripe_customer_id = 'cus_account'")
    assert await buyer() == ("cus_account", None)
    await pool.execute("UPDATE checkout_sessions SET stripe_customer_id = 'cus_cart'")
    for customer in ("cus_account", "cus_cart"):
        await pool.execute(
            "INSERT INTO customers (stripe_customer_id, account_id, email) VALUES ($1, $2, $3)",
            *(customer, order.account_id, f"{customer}@example.com"),
        )
    assert await buyer() == ("cus_cart", "cus_cart@example.com")


async def test_the_licenses_of_a_purchase(context: Context, order: Order) -> None:
    """Those of its subscription although nothing linked them to the order yet; no spare unit; null where unlimited."""
    await context.pool.execute("UPDATE licenses SET order_id = NULL")
    data = await data_of(context, "checkout.completed", {"orderId": str(order.id)})
    assert [(one["activationsLimit"], one["expiresAt"] is None) for one in data["licenses"]] == [
        *((3, False), (None, True)),
    ]
    await context.pool.execute("UPDATE licenses SET wanted = false WHERE stripe_subscription_id IS NOT NULL")
    again = await data_of(context, "checkout.completed", {"orderId": str(order.id)})
    assert again["licenses"] == data["licenses"][1:]


async def test_a_product_that_we_never_heard_of(context: Context, order: Order) -> None:
    await context.pool.execute("UPDATE checkout_lines SET stripe_product_id = 'prod_unheard_of' WHERE position = 0")
    data = await data_of(context, "checkout.completed", {"orderId": str(order.id)})
    assert [(line["productId"] is None, line["productName"] is None) for line in data["lineItems"]] == [
        *((True, True), (False, False)),
    ]


async def test_a_status_that_time_has_changed(context: Context) -> None:
    """As it reads now, whatever was stored; the line of the timeline stays as it was written."""
    product = await make_product(context)
    order = await make_order(context, await make_account(context), [product])
    over = context.now() - timedelta(seconds=1)
    made = await make_license(
        context, order, product, status="active", valid_until=over, then_status="expired", expires_at=over
    )
    data = await data_of(context, "license.expired", await about_license(context, made))
    assert (data["status"], data["expiresAt"], data["key"]) == ("expired", rfc3339(over), made.key)
    assert (data["change"]["from"], data["change"]["to"]) == (None, "active")
    assert data["change"]["because"] == {"kind": "stripe_event", "id": "evt_1"}


async def about_license(context: Context, made: License) -> dict[str, str | int]:
    line = await context.pool.fetchval("SELECT id FROM license_timeline WHERE license_id = $1", made.id)
    return {"licenseId": str(made.id), "lineId": str(line)}


async def test_a_line_of_another_license(context: Context, order: Order) -> None:
    """Two ids that do not belong together tell nothing."""
    first, second = await context.pool.fetch("SELECT id AS line_id, license_id FROM license_timeline")
    about: dict[str, str | int] = {"licenseId": str(first["license_id"]), "lineId": str(second["line_id"])}
    event_id = await tell(context, "license.issued", about)
    with pytest.raises(NotFound, match="no such entry"):
        await compose_event(context, event_id)


async def test_every_query_is_along_an_index(context: Context, order: Order) -> None:
    pool = context.pool
    await make_what_is_told_of(context, order)
    (line, *_) = await pool.fetch("SELECT id, license_id FROM license_timeline")
    told: dict[EventName, dict[str, str | int]] = {
        **ABOUT,
        "checkout.completed": {"orderId": str(order.id)},
        "invoice.paid": {"invoiceId": "in_1"},
        "subscription.updated": {"subscriptionId": "sub_1"},
        "subscription.undone": {"subscriptionId": "sub_1"},
        "charge.refunded": {"refundId": "re_1"},
        "payment.failed": {"invoiceId": "in_1", "attempt": 1},
        "license.issued": {"licenseId": str(line["license_id"]), "lineId": str(line["id"])},
    }
    ids = [await tell(context, event, told[event]) for event in told if told[event] is not ABOUT[event]]
    ids.append(await tell_of_session(context, order))
    async with noted(pool) as queries:
        for event_id in ids:
            await compose_event(context, event_id)
    asked = {query.sql: query for query in queries}
    assert len(asked) > 15
    async with pool.acquire() as conn, conn.transaction():
        for way in ("seqscan", "hashjoin", "mergejoin"):
            await conn.execute(f"SET LOCAL enable_{way} = off")
        for query in asked.values():
            ((found,),) = await conn.fetch(f"EXPLAIN (FORMAT JSON) {query.sql}", *query.arguments)
            assert not [node for node in nodes(found[0]["Plan"]) if walks_all(node)], (
                f"{query.sql}\n{json.dumps(found)}"
            )


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A node of a plan, and all that stand below it."""
    return [plan, *(node for below in plan.get("Plans", []) for node in nodes(below))]


def walks_all(node: dict[str, Any]) -> bool:
    """Whether a table is read as a whole, be it in the order of an index."""
    return node["Node Type"] == "Seq Scan" or ("Index Name" in node and "Index Cond" not in node)


async def tell_of_session(context: Context, order: Order) -> UUID:
    about: dict[str, str | int] = {"sessionId": order.stripe_session_id}
    async with context.pool.acquire() as conn:
        await publish(conn, [OutgoingEvent("payment.failed", "session", None, about)], context.now())
        found: UUID = await conn.fetchval("SELECT id FROM outgoing_events WHERE fact = 'session'")
    return found


async def make_what_is_told_of(context: Context, order: Order) -> None:
    """An invoice with its payment and a refund, and a subscription that was undone for another."""
    pool, now = context.pool, context.now()
    for name in ("sub_1", "sub_2"):
        await pool.execute(
            """
            INSERT INTO subscriptions (stripe_subscription_id, account_id, stripe_customer_id, status,
                                       cancel_at_period_end, created_at) VALUES ($1, $2, 'cus_1', 'canceled', false, $3)
            """,
            *(name, order.account_id, now),
        )
    await pool.execute("INSERT INTO second_plans VALUES ('sub_1', 'sub_2', $1)", now)
    await pool.execute(
        """
        INSERT INTO invoices (stripe_invoice_id, account_id, stripe_subscription_id, status, currency, total,
                              amount_due, amount_paid, attempt_count, created_at, period_start_at, period_end_at)
        VALUES ('in_1', $1, 'sub_1', 'paid', 'usd', 100, 100, 100, 1, $2, $2, $2)
        """,
        *(order.account_id, now),
    )
    await pool.execute("INSERT INTO invoice_payments VALUES ('inpay_1', 'in_1', 'pi_1', 'ch_1', 'paid', 100, 'usd')")
    await pool.execute("INSERT INTO refunds VALUES ('re_1', 'ch_1', 'pi_1', 100, 'usd', 'pending', $1)", now)


async def test_a_refund_however_its_payment_is_named(context: Context, order: Order) -> None:
    await make_what_is_told_of(context, order)
    data = await data_of(context, "subscription.undone", {"subscriptionId": "sub_1"})
    assert data["refunds"] == [{"refundId": "re_1", "amount": 100, "currency": "usd", "status": "pending"}]
    event_id = await tell(context, "charge.refunded", {"refundId": "re_1"})
    for payment_intent, charge in (("pi_1", "ch_1"), ("pi_1", None), (None, "ch_1")):
        await context.pool.execute(
            "UPDATE refunds SET stripe_payment_intent_id = $1, stripe_charge_id = $2", payment_intent, charge
        )
        refund = (await compose_event(context, event_id))["data"]
        assert (refund["invoiceId"], refund["subscriptionId"], refund["orderId"]) == ("in_1", "sub_1", None)
    await context.pool.execute("UPDATE checkout_sessions SET stripe_payment_intent_id = 'pi_2'")
    await context.pool.execute("UPDATE refunds SET stripe_payment_intent_id = 'pi_2', stripe_charge_id = NULL")
    guest = (await compose_event(context, event_id))["data"]
    assert (guest["invoiceId"], guest["orderId"], guest["accountId"]) == (None, str(order.id), str(order.account_id))
    await context.pool.execute("UPDATE refunds SET stripe_payment_intent_id = 'pi_unheard_of'")
    unknown = (await compose_event(context, event_id))["data"]
    assert {unknown[name] for name in ("accountId", "invoiceId", "subscriptionId", "orderId")} == {None}


def test_the_bytes() -> None:
    assert encode({"id": 1, "data": {"name": "Zoë"}}) == '{"id":1,"data":{"name":"Zoë"}}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        encode({"amount": float("nan")})
