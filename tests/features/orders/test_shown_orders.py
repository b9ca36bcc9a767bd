"""What a customer bought: `/api/orders`."""

from datetime import timedelta

from tests.factories.accounts import make_account, make_api_key
from tests.factories.catalog import make_product
from tests.factories.licenses import make_license
from tests.factories.orders import make_order
from tests.support.face import Face, assert_error, fields_of

from licet.kit.ids import new_id
from licet.kit.times import rfc3339


async def test_an_order_with_what_was_bought_and_what_came_of_it(face: Face) -> None:
    account = await make_account(face.context)
    monthly, once = await make_product(face.context), await make_product(face.context, interval=None, unit_amount=500)
    now = face.context.now()
    order = await make_order(face.context, account, [monthly, once], quantity=2, amount_refunded=700, created_at=now)
    ends = now - timedelta(days=1)
    first = await make_license(face.context, order, monthly, valid_until=ends, then_status="expired", expires_at=ends)
    second = await make_license(face.context, order, once)
    shown = (await face.get(f"/api/orders/{order.id}", key=await make_api_key(face.context, account, "read"))).json()
    assert shown == {
        "id": str(order.id),
        "status": "paid",
        "amount": 2 * (14900 + 500),
        "amountRefunded": 700,
        "currency": "usd",
        "createdAt": rfc3339(now),
        "subscriptionId": order.stripe_subscription_id,
        "items": [
            {
                "productId": str(product.id),
                "productName": product.name,
                "priceId": product.stripe_price_id,
                "quantity": 2,
                "unitAmount": product.unit_amount,
                "currency": "usd",
                "interval": product.interval,
            }
            for product in (monthly, once)
        ],
        "licenses": [
            {"id": str(first.id), "key": first.key, "productId": str(monthly.id), "status": "expired"},
            {"id": str(second.id), "key": second.key, "productId": str(once.id), "status": "active"},
        ],
    }
    assert (await face.get("/api/orders")).json()["data"] == [shown]


async def test_an_order_that_waits_for_the_catalogue(face: Face) -> None:
    account = await make_account(face.context)
    product = await make_product(face.context, interval=None)
    order = await make_order(face.context, account, [product], waits_for=[product.stripe_product_id])
    await face.context.pool.execute("DELETE FROM prices")
    await face.context.pool.execute("DELETE FROM products")
    shown = (await face.get(f"/api/orders/{order.id}")).json()
    assert shown["waitsFor"] == [product.stripe_product_id]
    assert shown["subscriptionId"] is None
    assert (shown["items"][0]["productId"], shown["items"][0]["productName"]) == (None, None)
    assert shown["licenses"] == []


async def test_the_newest_first_in_a_stable_order(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context)
    now = face.context.now()
    at = [now - timedelta(minutes=minutes) for minutes in (5, 5, 1, 5, 3)]
    made = [await make_order(face.context, account, [product], created_at=one) for one in at]
    expected = [str(made[n].id) for n in (2, 4, 0, 1, 3)]
    seen: list[str] = []
    for page in range(1, 4):
        seen += [one["id"] for one in (await face.get(f"/api/orders?limit=2&page={page}")).json()["data"]]
    assert seen == expected


async def test_by_status(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context)
    paid = await make_order(face.context, account, [product])
    failed = await make_order(face.context, account, [product], status="failed")
    for status, order in (("paid", paid), ("failed", failed)):
        body = (await face.get(f"/api/orders?status={status}")).json()
        assert [one["id"] for one in body["data"]] == [str(order.id)]
        assert body["meta"]["total"] == 1
    assert fields_of(await face.get("/api/orders?status=lost")) == ["status"]


async def test_as_many_queries_for_many_as_for_one(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context)
    pool = face.context.pool
    asked: list[str] = []
    for holder in pool._holders:  # type: ignore[attr-defined]  # not in the stubs
        if holder._con is not None:
            holder._con.add_query_logger(lambda record: asked.append(record.query))
    numbers = []
    for _ in range(3):
        for _ in range(3):
            order = await make_order(face.context, account, [product])
            await make_license(face.context, order, product)
        asked.clear()
        assert (await face.get("/api/orders")).status_code == 200
        numbers.append(len([query for query in asked if " FROM " in query and "pg_" not in query]))
        asked.clear()
        assert (await face.get("/api/licenses")).status_code == 200
        numbers.append(len([query for query in asked if " FROM " in query and "pg_" not in query]))
    assert numbers[:2] * 3 == numbers
    # Who is calling, how many, which; and for orders their lines and licenses.
    assert numbers[:2] == [5, 3]


async def test_what_is_not_there(face: Face) -> None:
    for order_id in (str(new_id()), "x", "0", "null"):
        assert_error(await face.get(f"/api/orders/{order_id}"), 404, "not_found")


async def test_an_order_that_waits_says_for_what(face: Face) -> None:
    order = await make_order(face.context, await make_account(face.context), [await make_product(face.context)])
    assert "waitsFor" not in (await face.get(f"/api/orders/{order.id}")).json()
    await face.context.pool.execute("UPDATE orders SET waits_for = '{prod_new}' WHERE id = $1", order.id)
    assert (await face.get(f"/api/orders/{order.id}")).json()["waitsFor"] == ["prod_new"]
