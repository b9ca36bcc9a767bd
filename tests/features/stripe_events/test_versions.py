"""What an event says in any version of Stripe's API, with fields missing, null or expanded, and about nothing.

`make test` draws some of the versions, `make test-long` has them all.
Source: contract, section 5, "Any version of Stripe's API".
"""

import json
from copy import deepcopy
from typing import Any

import pytest
from tests.support.depth import sample_of
from tests.support.shop import Shop, open_shop

from licet.db.mirrors import find_mirror
from licet.kit.versions import Rank
from licet.queue.refresh_store import PRODUCT_CHANGED
from licet.stripe_api.version import API_VERSION
from licet.stripe_events.event import parse_payload
from licet.stripe_events.receive import receive_event

Event = dict[str, Any]

NEWER = "2027-03-31.fennel"
VERSIONS = [
    "2019-12-03",
    "2024-06-20",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-03-25.dahlia",
    API_VERSION,
    NEWER,
]


async def newest(shop: Shop, type_: str) -> Event:
    """The newest event of a type, from Stripe's list."""
    found = [event async for event in shop.context.stripe.list_all("event", type=type_)]
    return found[0]


async def tell(shop: Shop, event: Event, **changed: Any) -> str:
    """Hands an event in under an id of its own; returns the id."""
    number = await shop.context.pool.fetchval("SELECT count(*) FROM events")
    made = deepcopy(event) | {"id": f"evt_told_{number}"} | changed
    await receive_event(shop.context, parse_payload(json.dumps(made).encode()))
    return f"evt_told_{number}"


async def outcome(shop: Shop, event_id: str) -> tuple[str, str | None]:
    row = await shop.context.pool.fetchrow("SELECT outcome, reason FROM events WHERE stripe_event_id = $1", event_id)
    assert row is not None
    return row["outcome"], row["reason"]


async def asked(shop: Shop) -> set[tuple[str, str]]:
    rows = await shop.context.pool.fetch("SELECT kind, stripe_id FROM refreshes WHERE kind <> $1", PRODUCT_CHANGED)
    return {(row["kind"], row["stripe_id"]) for row in rows}


def event_about(obj: dict[str, Any], type_: str, created: int, api_version: str = API_VERSION) -> Event:
    return {
        "object": "event",
        "type": type_,
        "created": created,
        "livemode": False,
        "api_version": api_version,
        "data": {"object": obj},
    }


@pytest.mark.parametrize("version", sample_of(VERSIONS, 2, "version 1"))
async def test_a_card_refused_in_a_checkout_is_told_in_every_version(database: str, version: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        session_id = await shop.checkout(await shop.make_account(), "Data Migrator")
        assert (await shop.pay(session_id, "4000000000000002")).status_code == 402
        await tell(shop, await newest(shop, "payment_intent.payment_failed"), api_version=version)
        await shop.settle()
        assert len(await shop.emails("payment_failed")) == 1


@pytest.mark.parametrize("version", sample_of(VERSIONS, 1, "version 2"))
async def test_a_delayed_payment_that_fails_is_told_in_every_version(database: str, version: str) -> None:
    async with open_shop(database, with_webhooks=False, with_worker=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Data Migrator")
        completed = await newest(shop, "checkout.session.completed")
        completed["data"]["object"]["payment_status"] = "unpaid"
        await tell(shop, completed)
        later = {"type": "checkout.session.async_payment_failed", "created": completed["created"] + 90}
        await tell(shop, completed, **later, api_version=version)
        (order,) = (await shop.get("/api/orders", accountId=account))["data"]
        assert order["status"] == "failed"


async def test_a_delayed_payment_failed_before_its_session_was_read(database: str) -> None:
    """The session was made elsewhere, and the version of the event is unknown: the event's type still counts."""
    async with open_shop(database, with_webhooks=False) as shop:
        price = (await shop.product("Data Migrator"))["prices"][0]["id"]
        session = await shop.context.stripe.create(
            "checkout.session",
            {
                "mode": "payment",
                "line_items": [{"price": price, "quantity": 1}],
                "success_url": "http://localhost/thanks",
                "customer_creation": "always",
            },
        )
        assert (await shop.pay(session["id"])).status_code == 200
        completed = await newest(shop, "checkout.session.completed")
        await tell(shop, completed, type="checkout.session.async_payment_failed", api_version=NEWER)
        await shop.settle()
        assert await shop.context.pool.fetchval("SELECT payment_failed FROM checkout_sessions")


@pytest.mark.parametrize("version", sample_of(VERSIONS, 1, "version 3"))
async def test_the_end_of_a_subscription_revokes_in_every_version(database: str, version: str) -> None:
    """At once: before anything is read from Stripe."""
    async with open_shop(database, with_webhooks=False, with_worker=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        for type_ in ("checkout.session.completed", "customer.subscription.created", "invoice.paid"):
            await tell(shop, await newest(shop, type_))
        license = await shop.license(account)
        assert license["status"] == "active"
        await shop.context.stripe.delete("subscription", license["subscriptionId"])
        ended = await newest(shop, "customer.subscription.deleted")
        only_ids = {name: ended["data"]["object"][name] for name in ("id", "object", "customer", "metadata")}
        await tell(shop, ended, api_version=version, data={"object": only_ids})
        assert (await shop.license(account))["status"] == "revoked"
        assert ("subscription", license["subscriptionId"]) in await asked(shop)


@pytest.mark.parametrize("version", sample_of(VERSIONS, 1, "version 4"))
@pytest.mark.parametrize("kind", ["product", "price"])
async def test_what_was_deleted_is_not_for_sale_in_any_version(database: str, version: str, kind: str) -> None:
    async with open_shop(database, with_webhooks=False, with_worker=False) as shop:
        product = await shop.product("Data Migrator")
        at = int(shop.context.now().timestamp())
        stripe_id = product["prices"][0]["id"]
        if kind == "product":
            price = await shop.context.stripe.retrieve("price", stripe_id)
            assert price is not None
            stripe_id = price["product"]
        gone = {"id": stripe_id, "object": kind, "deleted": True}
        event_id = await tell(shop, event_about(gone, f"{kind}.deleted", at + 400, version))
        assert await outcome(shop, event_id) == ("applied", None)
        assert await asked(shop) == set()
        names = [one["name"] for one in (await shop.get("/api/products"))["data"] if one["prices"]]
        assert "Data Migrator" not in names


async def draft_of(shop: Shop) -> tuple[str, str]:
    """(account, a draft invoice of it, made in Stripe's dashboard)."""
    account = await shop.make_account()
    await shop.buy(account, "Data Migrator")
    await shop.settle()
    customer = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM customers")
    invoice = await shop.context.stripe.create("invoice", {"customer": customer, "auto_advance": False})
    await shop.settle()
    return account, invoice["id"]


async def listed(shop: Shop, account: str) -> set[str]:
    invoices = (await shop.get("/api/billing/invoices", accountId=account))["data"]
    recent = (await shop.get("/api/portal/billing", accountId=account))["recentInvoices"]
    assert {one["id"] for one in invoices} == {one["id"] for one in recent}
    return {one["id"] for one in invoices}


async def test_a_deleted_draft_is_gone_from_lists_and_stays_gone(shop: Shop) -> None:
    account, draft = await draft_of(shop)
    assert draft in await listed(shop, account)
    await shop.context.stripe.delete("invoice", draft)
    await shop.settle()
    assert draft not in await listed(shop, account)
    answer = await shop.api("GET", f"/api/billing/invoices/{draft}?accountId={account}")
    assert answer.status_code == 404
    created = await newest(shop, "invoice.created")
    assert created["data"]["object"]["id"] == draft
    for late in (created["created"], created["created"] + 1000):
        event_id = await tell(shop, created, created=late)
        assert await outcome(shop, event_id) == ("stale", "a newer state is stored")
    await shop.settle()
    assert draft not in await listed(shop, account)
    assert len(await listed(shop, account)) == 1


@pytest.mark.parametrize("version", sample_of(VERSIONS, 1, "version 5"))
async def test_a_draft_is_deleted_in_every_version(database: str, version: str) -> None:
    async with open_shop(database) as shop:
        account, draft = await draft_of(shop)
        at = int(shop.context.now().timestamp())
        await tell(shop, event_about({"id": draft, "object": "invoice"}, "invoice.deleted", at, version))
        assert draft not in await listed(shop, account)


async def test_a_paid_invoice_stays(shop: Shop) -> None:
    account, draft = await draft_of(shop)
    (paid,) = await listed(shop, account) - {draft}
    at = int(shop.context.now().timestamp())
    await tell(shop, event_about({"id": paid, "object": "invoice"}, "invoice.deleted", at))
    assert await listed(shop, account) == {draft, paid}


async def test_a_read_that_finds_nothing_deletes_the_draft(shop: Shop) -> None:
    account, draft = await draft_of(shop)
    created = await newest(shop, "invoice.created")
    await shop.stripe("faults", {"drop": 1.0})
    await shop.context.stripe.delete("invoice", draft)
    await shop.settle()
    await shop.stripe("faults", {})
    assert draft in await listed(shop, account)
    event_id = await tell(shop, created, type="invoice.updated", created=created["created"] + 1000, api_version=NEWER)
    await shop.settle()
    assert draft not in await listed(shop, account)
    assert await outcome(shop, event_id) == ("ignored", f"Stripe has no invoice {draft}: nothing was applied")
    async with shop.context.pool.acquire() as conn:
        stored = await find_mirror(conn, draft)
    assert stored is not None
    assert stored.version.rank is Rank.DELETED
    assert await asked(shop) == set()


async def test_an_event_about_nothing_ends_as_ignored(shop: Shop) -> None:
    at = int(shop.context.now().timestamp())
    nothing = {"id": "sub_that_stripe_does_not_have", "object": "subscription"}
    event_id = await tell(shop, event_about(nothing, "customer.subscription.updated", at, "2025-09-30.clover"))
    assert await outcome(shop, event_id) == ("applied", "it lacks customer: the object is read from Stripe")
    await shop.settle()
    reason = "Stripe has no subscription sub_that_stripe_does_not_have: nothing was applied"
    assert await outcome(shop, event_id) == ("ignored", reason)
    assert await asked(shop) == set()


@pytest.mark.parametrize(
    ("payment", "names"),
    [
        ({"charge": "ch_of_nothing", "payment_intent": "pi_of_nothing"}, "payment_intent pi_of_nothing"),
        ({"charge": "ch_of_nothing", "payment_intent": None}, "charge ch_of_nothing"),
    ],
)
async def test_a_refund_of_nothing_is_asked_about_once(shop: Shop, payment: dict[str, Any], names: str) -> None:
    refund = {
        "id": "re_of_nothing",
        "object": "refund",
        "amount": 500,
        "currency": "usd",
        "status": "succeeded",
        "reason": None,
        "metadata": {},
        "created": int(shop.context.now().timestamp()),
        **payment,
    }
    event_id = await tell(shop, event_about(refund, "refund.created", refund["created"]))
    await shop.settle()
    assert await asked(shop) == set()
    assert await outcome(shop, event_id) == ("applied", f"Stripe has no {names}, which it names")
    await shop.turn(days=38)
    assert await asked(shop) == set()


async def told(shop: Shop) -> str:
    """A purchase of Shopify Connector of which every event was told; its account."""
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    for type_ in ("checkout.session.completed", "customer.subscription.created", "invoice.paid"):
        await tell(shop, await newest(shop, type_))
    return account


def without(obj: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without the field that the path leads to. In a list, the path goes on in its first entry."""
    made = deepcopy(obj)
    inside: Any = made
    for name in path[:-1]:
        inside = inside[name]
        inside = inside[0] if isinstance(inside, list) else inside
    del inside[path[-1]]
    return made


def with_null(obj: dict[str, Any], *path: str) -> dict[str, Any]:
    made = deepcopy(obj)
    inside: Any = made
    for name in path[:-1]:
        inside = inside[name]
        inside = inside[0] if isinstance(inside, list) else inside
    inside[path[-1]] = None
    return made


LACKING = [
    (type_, path, change)
    for change in (without, with_null)
    for type_, path in (
        ("customer.subscription.created", ("items",)),
        ("customer.subscription.created", ("items", "data", "price")),
        ("customer.subscription.created", ("items", "data", "price", "recurring")),
        ("invoice.paid", ("lines",)),
        ("invoice.paid", ("attempt_count",)),
        ("invoice.paid", ("status",)),
        ("checkout.session.completed", ("created",)),
        ("checkout.session.completed", ("payment_status",)),
    )
]


@pytest.mark.parametrize(("type_", "path", "change"), sample_of(LACKING, 4, "lacking"))
async def test_an_object_that_lacks_a_field_is_read(
    database: str, type_: str, path: tuple[str, ...], change: Any
) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        for other in ("checkout.session.completed", "customer.subscription.created", "invoice.paid"):
            event = await newest(shop, other)
            changed = change(event["data"]["object"], *path) if other == type_ else event["data"]["object"]
            event_id = await tell(shop, event, data={"object": changed})
            if other == type_:
                found, reason = await outcome(shop, event_id)
                assert found == "applied"
                assert (reason or "").endswith(": the object is read from Stripe")
                assert path[0] in (reason or "")
        await shop.settle()
        assert (await shop.license(account))["status"] == "active"
        (order,) = (await shop.get("/api/orders", accountId=account))["data"]
        assert order["status"] == "paid"
        (invoice,) = (await shop.get("/api/billing/invoices", accountId=account))["data"]
        assert invoice["status"] == "paid"


async def test_a_quantity_of_null_is_read(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await told(shop)
        event = await newest(shop, "customer.subscription.created")
        changed = with_null(event["data"]["object"], "items", "data", "quantity")
        later = {"type": "customer.subscription.updated", "created": event["created"] + 1000}
        event_id = await tell(shop, event, **later, data={"object": changed})
        assert await outcome(shop, event_id) == (
            "applied",
            "it lacks items.data[].quantity: the object is read from Stripe",
        )
        await shop.settle()
        assert (await shop.license(account))["status"] == "active"


async def test_a_customer_with_a_subscription_that_has_no_items(database: str) -> None:
    """Old versions nest the subscriptions in their customer."""
    async with open_shop(database, with_webhooks=False) as shop:
        await told(shop)
        customer_id = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM customers")
        customer = await shop.context.stripe.retrieve("customer", customer_id)
        assert customer is not None
        nested = {"object": "list", "data": [{"id": "sub_1", "object": "subscription", "current_period_end": 1}]}
        at = int(shop.context.now().timestamp()) + 1000
        changed = {**customer, "name": "Grace", "subscriptions": nested}
        event_id = await tell(shop, event_about(changed, "customer.updated", at, "2024-06-20"))
        assert await outcome(shop, event_id) == ("applied", None)
        assert await shop.context.pool.fetchval("SELECT name FROM customers") == "Grace"


async def test_an_expanded_field_is_an_id(database: str) -> None:
    """Also in the same second as one that is not expanded, where both are compared."""
    async with open_shop(database, with_webhooks=False) as shop:
        account = await told(shop)
        customer_id = await shop.context.pool.fetchval("SELECT stripe_customer_id FROM customers")
        at = int(shop.context.now().timestamp())
        method = {
            "id": "pm_1",
            "object": "payment_method",
            "type": "card",
            "metadata": {},
            "created": at,
            "card": {"brand": "mastercard", "last4": "4444", "exp_month": 12, "exp_year": 2031},
        }
        expanded = {**method, "customer": {"id": customer_id, "object": "customer"}}
        plain = {**method, "customer": customer_id}
        first = await tell(shop, event_about(expanded, "payment_method.attached", at))
        same = [await tell(shop, event_about(plain, "payment_method.updated", at)) for _ in range(2)]
        for event_id in (first, *same):
            assert await outcome(shop, event_id) == ("applied", None)

        subscription = (await newest(shop, "customer.subscription.created"))["data"]["object"]
        names = ("customer", "latest_invoice", "default_payment_method", "schedule")
        whole = {name: {"id": subscription[name]} if subscription[name] else None for name in names}
        changed = {**subscription, **whole}
        event_id = await tell(shop, event_about(changed, "customer.subscription.updated", at + 1000))
        assert await outcome(shop, event_id) == ("applied", None)
        ids = await shop.context.pool.fetchrow("SELECT stripe_customer_id, stripe_latest_invoice_id FROM subscriptions")
        assert ids is not None
        assert tuple(ids) == (customer_id, subscription["latest_invoice"])
        assert (await shop.license(account))["status"] == "active"


async def test_the_first_versions_of_basil_do_not_show_the_payment(database: str) -> None:
    async with open_shop(database, with_webhooks=False) as shop:
        account = await shop.make_account()
        await shop.buy(account, "Shopify Connector")
        paid = await newest(shop, "invoice.paid")
        assert await outcome(shop, await tell(shop, paid, api_version="2025-03-31.basil")) == (
            "applied",
            "its API version does not show its payment: the object is read from Stripe",
        )
        await shop.settle()
        assert await shop.context.pool.fetchval("SELECT count(*) FROM invoice_payments") == 1
        later = await tell(shop, paid, api_version="2025-05-28.basil", created=paid["created"] + 1000)
        assert await outcome(shop, later) == ("applied", None)


@pytest.mark.parametrize("version", sample_of(VERSIONS, 1, "version 6"))
async def test_what_is_a_part_is_read_as_a_whole(database: str, version: str) -> None:
    async with open_shop(database, with_webhooks=False, with_worker=False) as shop:
        at = int(shop.context.now().timestamp())
        note = {"id": "cn_1", "object": "credit_note", "invoice": {"id": "in_1"}, "customer": "cus_1"}
        of_subscription = {"id": "di_1", "object": "discount", "customer": "cus_1", "subscription": "sub_1"}
        of_customer = {"object": "discount", "customer": {"id": "cus_1"}, "subscription": None}
        for verb in ("created", "updated", "voided"):
            await tell(shop, event_about(note, f"credit_note.{verb}", at, version))
        for verb in ("created", "updated", "deleted"):
            await tell(shop, event_about(of_subscription, f"customer.discount.{verb}", at, version))
            await tell(shop, event_about(of_customer, f"customer.discount.{verb}", at, version))
        assert await asked(shop) == {("invoice", "in_1"), ("subscription", "sub_1"), ("customer", "cus_1")}
        nameless = await tell(shop, event_about({"object": "discount"}, "customer.discount.deleted", at, version))
        assert await outcome(shop, nameless) == ("ignored", "it names no customer")
