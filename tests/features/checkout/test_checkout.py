"""Starting a purchase over HTTP, with the sandbox behind: what is made, and each thing that is refused."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.support.face import assert_error, fields_of
from tests.support.selling import Selling, catalog_of, price, product

from licet.catalog.push import push_catalog
from licet.kit.times import from_epoch

CATALOG = catalog_of(
    product("connector", price(14900), price(149000, interval="year"), prefix="SHOP"),
    product("migrator", price(49900, interval=None), prefix="DATA"),
    product("addon", price(500), prefix="ADD"),
    product("euro", price(500, currency="eur"), prefix="EUR"),
    product("quarterly", price(500, interval_count=3), prefix="QUA"),
    product("growth", price(9900, trial_days=30), kind="plan"),
    product("scale", price(29900, trial_days=14), kind="plan"),
)


@pytest.fixture
async def shop(selling: Selling) -> Selling:
    """A shop with this catalogue, and an account whose key buys in it."""
    await selling.sell(CATALOG)
    return selling


def refused(answer: httpx.Response, code: str, status: int = 422) -> dict[str, Any]:
    details: dict[str, Any] = assert_error(answer, status, code)["details"]
    return details


async def session_of(shop: Selling, answer: httpx.Response) -> dict[str, Any]:
    """The session as Stripe has it. The answer must be a 201."""
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {"sessionId", "url"}
    session = await shop.stripe.retrieve("checkout.session", answer.json()["sessionId"], ["line_items"])
    assert session is not None
    return session


async def nothing_written(shop: Selling) -> bool:
    return bool(await shop.pool.fetchval("SELECT count(*) FROM checkout_sessions") == 0)


async def test_a_subscription(shop: Selling) -> None:
    metadata = {"ref": "42", "Note": "Grüße"}
    answer = await shop.checkout([("connector", 2), ("migrator", 1)], metadata=metadata)
    session = await session_of(shop, answer)
    assert answer.json()["url"] == session["url"]
    assert session["mode"] == "subscription"
    assert session["amount_total"] == 2 * 14900 + 49900
    assert session["success_url"] == "https://shop.example/thanks?id={CHECKOUT_SESSION_ID}"
    assert session["cancel_url"] == "https://shop.example/cart"
    assert session["client_reference_id"] == str(shop.account_id)
    assert [(line["price"]["unit_amount"], line["quantity"]) for line in session["line_items"]["data"]] == [
        (14900, 2),
        (49900, 1),
    ]

    row = await shop.pool.fetchrow("SELECT * FROM checkout_sessions")
    assert row is not None
    assert session["metadata"] == {**metadata, "licet_order_id": str(row["order_id"])}
    assert dict(row) | {"order_id": None} == {
        "stripe_session_id": session["id"],
        "account_id": shop.account_id,
        "order_id": None,
        "made_here": True,
        "mode": "subscription",
        "status": "open",
        "payment_status": "unpaid",
        "payment_failed": False,
        "stripe_customer_id": session["customer"],
        "stripe_payment_intent_id": None,
        "stripe_subscription_id": None,
        "stripe_invoice_id": None,
        "customer_email": "ada@example.com",
        "amount_total": 79700,
        "currency": "usd",
        "url": session["url"],
        "lines_known": True,
        "created_at": from_epoch(session["created"]),
        "expires_at": from_epoch(session["expires_at"]),
        "one_plan": False,
        "token_hash": None,
    }
    lines = await shop.pool.fetch("SELECT * FROM checkout_lines ORDER BY position")
    assert [(line["quantity"], line["unit_amount"], line["interval"], line["interval_count"]) for line in lines] == [
        (2, 14900, "month", 1),
        (1, 49900, None, None),
    ]
    assert [line["stripe_price_id"] for line in lines] == [
        line["price"]["id"] for line in session["line_items"]["data"]
    ]
    # Nothing is issued or ordered here.
    for table in ("orders", "licenses", "emails"):
        assert await shop.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_single_payment(shop: Selling) -> None:
    session = await session_of(shop, await shop.checkout([("migrator", 3)]))
    assert session["mode"] == "payment"
    assert session["invoice_creation"]["enabled"] is True
    assert session["payment_status"] == "unpaid"


async def test_the_order_is_named_wherever_stripe_would_not_carry_it(shop: Selling) -> None:
    paid_once = await session_of(shop, await shop.checkout([("migrator", 1)], metadata={"ref": "1"}))
    await shop.pay(paid_once["id"])
    (intent,) = [one async for one in shop.stripe.list_all("payment_intent")]
    assert intent["metadata"] == paid_once["metadata"]
    subscribed = await session_of(shop, await shop.checkout([("connector", 1)], metadata={"ref": "2"}))
    await shop.pay(subscribed["id"])
    (subscription,) = [one async for one in shop.stripe.list_all("subscription")]
    assert subscription["metadata"] == subscribed["metadata"]
    assert subscription["metadata"]["ref"] == "2"


async def test_a_price_may_be_chosen(shop: Selling) -> None:
    yearly = shop.price_ids["connector"][1]
    session = await session_of(shop, await shop.checkout([("connector", 1, yearly)]))
    assert session["amount_total"] == 149000


async def test_lines_of_the_same_price_are_one(shop: Selling) -> None:
    monthly = shop.price_ids["connector"][0]
    session = await session_of(shop, await shop.checkout([("connector", 2), ("addon", 1), ("connector", 3, monthly)]))
    assert [line["quantity"] for line in session["line_items"]["data"]] == [5, 1]


async def test_what_a_cart_may_not_be(shop: Selling) -> None:
    yearly = shop.price_ids["connector"][1]
    refused(await shop.checkout([]), "empty_cart")
    refused(await shop.checkout([("connector", 1, yearly), ("addon", 1)]), "mixed_intervals")
    refused(await shop.checkout([("quarterly", 1), ("addon", 1)]), "mixed_intervals")
    refused(await shop.checkout([("euro", 1), ("addon", 1)]), "mixed_currencies")
    refused(await shop.checkout([("euro", 1), ("migrator", 1)]), "mixed_currencies")
    assert refused(await shop.checkout([("connector", 1, "price_nope")]), "invalid_price")["priceId"] == "price_nope"
    other = shop.price_ids["addon"][0]
    refused(await shop.checkout([("connector", 1, other)]), "invalid_price")
    assert fields_of(await shop.checkout([("addon", 60), ("connector", 1), ("addon", 41)])) == ["items[0].quantity"]
    assert await nothing_written(shop)


UNKNOWN = ["0199aaaa-0000-7000-8000-000000000001", "prod_123", "connector", "../x", "0" * 32, str(UUID(int=0)), "é{}"]


async def test_an_unknown_product_is_named(shop: Selling) -> None:
    for unknown in UNKNOWN:
        answer = await shop.post({"items": [{"productId": unknown, "quantity": 1}]})
        assert refused(answer, "invalid_product") == {"productId": unknown}


async def test_what_is_not_on_sale_cannot_be_bought(shop: Selling) -> None:
    for statement in (
        "UPDATE products SET active = false WHERE id = $1",
        "UPDATE products SET active = true, catalog_key = NULL, kind = NULL WHERE id = $1",
    ):
        await shop.pool.execute(statement, shop.product_ids["migrator"])
        refused(await shop.checkout([("addon", 1), ("migrator", 1)]), "invalid_product")
    await shop.pool.execute("UPDATE prices SET active = false WHERE stripe_price_id = $1", shop.price_ids["addon"][0])
    assert refused(await shop.checkout([("addon", 1)]), "invalid_product") == {
        "productId": str(shop.product_ids["addon"])
    }


@pytest.mark.parametrize("kind", ["product", "price"])
async def test_a_product_archived_a_moment_ago(shop: Selling, kind: str) -> None:
    await shop.checkout([("connector", 1)])
    stripe_id = shop.price_ids["migrator"][0]
    if kind == "product":
        stripe_id = (await shop.stripe.retrieve("price", stripe_id) or {})["product"]
    await shop.stripe.update(kind, stripe_id, {"active": False})
    details = refused(await shop.checkout([("connector", 1), ("migrator", 1)]), "invalid_product")
    assert details == {"productId": str(shop.product_ids["migrator"])}
    assert await shop.pool.fetchval("SELECT count(*) FROM checkout_sessions") == 1


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"items": None}, "items"),
    ({"items": [{"quantity": 1}]}, "items[0].productId"),
    ({"items": [{"productId": "x"}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": 0}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": -1}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": 101}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": 1.5}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": "1"}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": True}]}, "items[0].quantity"),
    ({"items": [{"productId": "x", "quantity": 1, "amount": 1}]}, "items[0].amount"),
    ({"items": [{"productId": "", "quantity": 1}]}, "items[0].productId"),
    ({"items": [{"productId": "x", "quantity": 1, "priceId": 5}]}, "items[0].priceId"),
    ({"items": "x"}, "items"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"metadata": {"licet_order_id": "x"}}, "metadata.licet_order_id"),
    ({"metadata": []}, "metadata"),
    ({"successUrl": None}, "successUrl"),
    ({"unknown": 1}, "unknown"),
]


async def test_a_body_that_does_not_fit(shop: Selling) -> None:
    for body, field in MISFITS:
        assert fields_of(await shop.post(body)) == [field], body


async def test_a_url_that_buyers_are_not_sent_to(shop: Selling) -> None:
    item = {"productId": str(shop.product_ids["addon"]), "quantity": 1}
    for field in ("successUrl", "cancelUrl"):
        for url in ("http://shop.example/", "ftp://shop.example/", "javascript:alert(1)", "", "https://a@b.example"):
            answer = await shop.post({"items": [item], field: url})
            assert refused(answer, "invalid_redirect_url") == {"field": field}
    assert await nothing_written(shop)


async def test_a_trial_is_had_once(shop: Selling) -> None:
    session = await session_of(shop, await shop.checkout([("growth", 1)]))
    assert session["amount_total"] == 0
    both = await session_of(shop, await shop.checkout([("growth", 1), ("scale", 1)]))
    without = await session_of(shop, await shop.checkout([("growth", 1), ("addon", 1)]))
    assert (both["amount_total"], without["amount_total"]) == (0, 9900 + 500)
    await shop.pay(both["id"])
    (subscription,) = [one async for one in shop.stripe.list_all("subscription")]
    assert subscription["trial_end"] - subscription["trial_start"] == 14 * 86400

    # It was had, and the subscription has ended since.
    await shop.had_subscription("growth", status="canceled", trial=True)
    again = await session_of(shop, await shop.checkout([("growth", 1)]))
    assert again["amount_total"] == 9900
    other = await session_of(shop, await shop.checkout([("scale", 1)]))
    assert other["amount_total"] == 0


async def test_a_trial_is_had_even_when_the_plan_was_changed_since(shop: Selling) -> None:
    answer = await shop.checkout([("growth", 1)])
    await shop.had_subscription("scale", status="canceled", trial=True, bought_as=answer.json()["sessionId"])
    for plan, amount in (("growth", 9900), ("scale", 29900)):
        session = await session_of(shop, await shop.checkout([(plan, 1)]))
        assert session["amount_total"] == amount


async def test_a_plan_cannot_be_had_twice_unless_it_ended(shop: Selling) -> None:
    subscription = await shop.had_subscription("growth", status="active")
    for status in ("active", "trialing", "past_due", "unpaid", "incomplete", "paused", "something_new"):
        await shop.pool.execute("UPDATE subscriptions SET status = $1", status)
        details = refused(await shop.checkout([("addon", 1), ("growth", 1)]), "already_subscribed", 409)
        assert details == {"productId": str(shop.product_ids["growth"]), "subscriptionId": subscription}
    await session_of(shop, await shop.checkout([("scale", 1)]))
    for status in ("canceled", "incomplete_expired"):
        await shop.pool.execute("UPDATE subscriptions SET status = $1", status)
        await session_of(shop, await shop.checkout([("growth", 1)]))


async def test_licenses_can_be_bought_again(shop: Selling) -> None:
    await shop.had_subscription("connector", status="active")
    await session_of(shop, await shop.checkout([("connector", 1)]))


async def test_another_accounts_plan_is_no_matter(shop: Selling) -> None:
    await shop.had_subscription("growth", status="active", account_id=await shop.make_account())
    await session_of(shop, await shop.checkout([("growth", 1)]))


async def test_twenty_checkouts_at_once_make_one_customer(shop: Selling) -> None:
    answers = await asyncio.gather(*(shop.checkout([("addon", 1)]) for _ in range(20)))
    sessions = [await session_of(shop, answer) for answer in answers]
    (customer,) = [one async for one in shop.stripe.list_all("customer")]
    assert {session["customer"] for session in sessions} == {customer["id"]}
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada Lovelace")
    assert customer["metadata"] == {"account_id": str(shop.account_id)}
    assert await shop.customer_of_account() == customer["id"]
    assert await shop.pool.fetchval("SELECT count(*) FROM checkout_sessions") == 20


async def test_an_account_without_name_and_address_can_buy(shop: Selling) -> None:
    await shop.pool.execute("UPDATE accounts SET name = NULL, email = NULL WHERE id = $1", shop.account_id)
    await session_of(shop, await shop.checkout([("addon", 1)]))
    (customer,) = [one async for one in shop.stripe.list_all("customer")]
    assert (customer["email"], customer["name"]) == (None, None)


async def test_the_customer_is_found_again_after_a_crash(shop: Selling) -> None:
    await session_of(shop, await shop.checkout([("addon", 1)]))
    made = await shop.customer_of_account()
    # As if we had died before our own commit; meanwhile the account took another name.
    await shop.pool.execute("DELETE FROM customers")
    await shop.pool.execute(
        "UPDATE accounts SET stripe_customer_id = NULL, name = 'Ada King' WHERE id = $1", shop.account_id
    )
    await session_of(shop, await shop.checkout([("addon", 1)]))
    assert await shop.customer_of_account() == made
    (customer,) = [one async for one in shop.stripe.list_all("customer")]
    assert customer["name"] == "Ada King"


@pytest.mark.parametrize("told", [True, False])
async def test_a_customer_deleted_at_stripe_is_made_anew(shop: Selling, told: bool) -> None:
    await session_of(shop, await shop.checkout([("addon", 1)]))
    old = await shop.customer_of_account()
    await shop.stripe.delete("customer", old)
    if told:
        # As the customer.deleted event does it.
        await shop.pool.execute("UPDATE customers SET deleted = true")
        await shop.pool.execute("UPDATE accounts SET stripe_customer_id = NULL WHERE id = $1", shop.account_id)
    answers = await asyncio.gather(*(shop.checkout([("addon", 1)]) for _ in range(4)))
    sessions = [await session_of(shop, answer) for answer in answers]
    new = await shop.customer_of_account()
    assert new != old
    assert {session["customer"] for session in sessions} == {new}
    assert [one["id"] async for one in shop.stripe.list_all("customer")] == [new]


async def test_who_may_check_out_and_for_whom(shop: Selling) -> None:
    body = shop.body([("addon", 1)])
    path = "/api/billing/checkout"
    face = shop.face
    assert_error(await face.call("POST", path, json=body), 401, "unauthorized")
    reader = await shop.make_key("read")
    assert_error(await face.post(path, key=reader, json=body), 403, "forbidden")
    assert_error(await face.post(path, json=body), 422, "account_required")
    other = await shop.make_account()
    assert_error(await face.post(f"{path}?accountId={other}", key=shop.key, json=body), 404, "not_found")
    answer = await face.post(f"{path}?accountId={shop.account_id}", json=body)
    assert (await session_of(shop, answer))["client_reference_id"] == str(shop.account_id)


async def test_hosts_that_are_listed(shop: Selling) -> None:
    item = {"productId": str(shop.product_ids["addon"]), "quantity": 1}
    async with shop.with_settings(redirect_hosts=("shop.example",)):
        await session_of(shop, await shop.checkout([("addon", 1)]))
        answer = await shop.post({"items": [item], "cancelUrl": "https://elsewhere.example/"})
        assert refused(answer, "invalid_redirect_url") == {"field": "cancelUrl"}


async def test_a_promotion_code_that_is_none(shop: Selling) -> None:
    for code in ("not a code", "x" * 199 + "!", "Ünïcode"):
        answer = await shop.checkout([("addon", 1)], promotionCode=code)
        assert refused(answer, "invalid_promotion_code") == {"field": "promotionCode"}
    assert await nothing_written(shop)


async def test_a_catalogue_pushed_anew_is_sold_at_once(shop: Selling) -> None:
    dearer = catalog_of(product("connector", price(19900), prefix="SHOP"))
    await push_catalog(dearer, shop.pool, shop.stripe)
    session = await session_of(shop, await shop.checkout([("connector", 1)]))
    assert session["amount_total"] == 19900
    refused(await shop.checkout([("addon", 1)]), "invalid_product")
    refused(await shop.checkout([("connector", 1, shop.price_ids["connector"][0])]), "invalid_price")


async def test_the_price_list(shop: Selling) -> None:
    answer = await shop.face.call("GET", "/api/products")
    assert answer.status_code == 200
    assert answer.json()["meta"] == {"total": 7, "page": 1, "limit": 20, "totalPages": 1}
    listed = answer.json()["data"]
    assert [one["name"] for one in listed] == [one.name for one in CATALOG.products]
    assert listed[0] == {
        "id": str(shop.product_ids["connector"]),
        "name": "Connector",
        "description": "The connector.",
        "features": ["One", "Two"],
        "prices": [
            {
                "id": shop.price_ids["connector"][0],
                "amount": 14900,
                "currency": "usd",
                "interval": "month",
                "intervalCount": 1,
                "trialDays": 0,
            },
            {
                "id": shop.price_ids["connector"][1],
                "amount": 149000,
                "currency": "usd",
                "interval": "year",
                "intervalCount": 1,
                "trialDays": 0,
            },
        ],
    }
    assert listed[1]["prices"][0]["interval"] is None
    assert listed[1]["prices"][0]["intervalCount"] is None
    assert listed[6]["prices"][0]["trialDays"] == 14

    page = (await shop.face.call("GET", "/api/products?page=3&limit=3")).json()
    assert [one["name"] for one in page["data"]] == ["Scale"]
    assert page["meta"] == {"total": 7, "page": 3, "limit": 3, "totalPages": 3}
    beyond = (await shop.face.call("GET", "/api/products?page=9")).json()
    assert (beyond["data"], beyond["meta"]["total"]) == ([], 7)
    await shop.pool.execute("UPDATE products SET active = false WHERE id = $1", shop.product_ids["addon"])
    await shop.pool.execute("UPDATE prices SET active = false WHERE stripe_price_id = $1", shop.price_ids["euro"][0])
    fewer = (await shop.face.call("GET", "/api/products")).json()
    assert [one["name"] for one in fewer["data"]] == ["Connector", "Migrator", "Quarterly", "Growth", "Scale"]
