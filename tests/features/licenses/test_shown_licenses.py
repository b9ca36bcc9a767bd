"""What a customer holds: `/api/licenses`."""

from datetime import timedelta

import pytest
from tests.factories.accounts import make_account, make_api_key
from tests.factories.catalog import make_product
from tests.factories.licenses import add_change, make_license
from tests.factories.orders import make_order
from tests.support.face import Face, assert_error, fields_of

from licet.kit.ids import new_id
from licet.kit.times import rfc3339


async def test_a_license_with_its_key_and_what_it_allows(face: Face) -> None:
    account = await make_account(face.context)
    product = await make_product(face.context, features=("Updates", "Support"))
    order = await make_order(face.context, account, [product])
    ends = face.context.now() + timedelta(days=30)
    made = await make_license(
        face.context,
        order,
        product,
        valid_until=ends + timedelta(days=3),
        then_status="expired",
        expires_at=ends,
        domains=("a.example.com", "b.example.com"),
    )
    key = await make_api_key(face.context, account, "read")
    (listed,) = (await face.get("/api/licenses", key=key)).json()["data"]
    assert listed == {
        "id": str(made.id),
        "key": made.key,
        "productId": str(product.id),
        "productName": product.name,
        "status": "active",
        "activationsCount": 2,
        "activationsLimit": 3,
        "expiresAt": rfc3339(ends),
        "createdAt": listed["createdAt"],
        "subscriptionId": order.stripe_subscription_id,
        "orderId": str(order.id),
        "entitlements": ["Updates", "Support"],
    }
    one = (await face.get(f"/api/licenses/{made.id}", key=key)).json()
    activations = one.pop("activations")
    assert one == listed
    assert [activation["domain"] for activation in activations] == ["a.example.com", "b.example.com"]
    assert list(activations[0]) == ["domain", "activatedAt", "lastSeenAt"]


async def test_what_was_bought_once_is_perpetual(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context, interval=None)
    order = await make_order(face.context, account, [product])
    made = await make_license(face.context, order, product, activations_limit=None)
    shown = (await face.get(f"/api/licenses/{made.id}")).json()
    assert (shown["subscriptionId"], shown["expiresAt"], shown["activationsLimit"]) == (None, None, None)
    assert shown["activations"] == []


async def test_a_status_as_it_reads_now_in_the_filter_too(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context)
    order = await make_order(face.context, account, [product])
    now = face.context.now()
    past, future = now - timedelta(seconds=1), now + timedelta(hours=1)
    expected = {
        str((await make_license(face.context, order, product, valid_until=past, then_status="expired")).id): "expired",
        str(
            (await make_license(face.context, order, product, valid_until=past, then_status="suspended")).id
        ): "suspended",
        str((await make_license(face.context, order, product, valid_until=future, then_status="expired")).id): "active",
        str((await make_license(face.context, order, product)).id): "active",
        str((await make_license(face.context, order, product, status="revoked")).id): "revoked",
    }
    shown = (await face.get("/api/licenses")).json()["data"]
    assert {one["id"]: one["status"] for one in shown} == expected
    for status in ("active", "suspended", "expired", "revoked"):
        body = (await face.get(f"/api/licenses?status={status}")).json()
        assert {one["id"] for one in body["data"]} == {found for found, reads in expected.items() if reads == status}
        assert body["meta"]["total"] == len(body["data"])
    assert fields_of(await face.get("/api/licenses?status=lost")) == ["status"]


async def test_by_product(face: Face) -> None:
    account = await make_account(face.context)
    one, two = await make_product(face.context), await make_product(face.context)
    order = await make_order(face.context, account, [one, two])
    made = await make_license(face.context, order, one)
    await make_license(face.context, order, two)
    body = (await face.get(f"/api/licenses?productId={one.id}&status=active")).json()
    assert [found["id"] for found in body["data"]] == [str(made.id)]
    assert (await face.get(f"/api/licenses?productId={new_id()}")).json()["data"] == []
    assert fields_of(await face.get("/api/licenses?productId=x")) == ["productId"]


async def test_why_a_license_is_as_it_is(face: Face) -> None:
    account, product = await make_account(face.context), await make_product(face.context)
    order = await make_order(face.context, account, [product])
    made = await make_license(face.context, order, product)
    because = {"kind": "stripe_event", "id": "evt_9", "reason": "refunded"}
    await add_change(face.context, made, account, change="status", before="active", after="revoked", because=because)
    body = (await face.get(f"/api/licenses/{made.id}/timeline")).json()
    assert body["meta"]["total"] == 2
    newest, oldest = body["data"]
    assert newest == {"at": newest["at"], "change": "status", "from": "active", "to": "revoked", "because": because}
    assert (oldest["change"], oldest["from"], oldest["to"]) == ("issued", None, "active")
    assert (await face.get(f"/api/licenses/{made.id}/timeline?limit=1&page=2")).json()["data"] == [oldest]


@pytest.mark.parametrize("tail", ["", "/timeline"])
async def test_what_is_not_there(face: Face, tail: str) -> None:
    for license_id in (str(new_id()), "x", "validate"):
        assert_error(await face.get(f"/api/licenses/{license_id}{tail}"), 404, "not_found")
