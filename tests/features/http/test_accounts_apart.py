"""One account's key never shows anything of another account, whatever is asked for and however."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.factories.accounts import make_account, make_api_key
from tests.factories.catalog import make_product
from tests.factories.licenses import make_license
from tests.factories.orders import make_order
from tests.support.face import Face, assert_error


@dataclass(frozen=True)
class Side:
    """An account with all that it has. `marks`: what only it may ever see, ids of every kind among them."""

    key: str
    account_id: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Both:
    face: Face
    sides: tuple[Side, Side]
    paths: tuple[str, ...]


async def make_side(face: Face, name: str) -> Side:
    context = face.context
    account = await make_account(context, external_id=f"external-{name}")
    monthly, once = await make_product(context), await make_product(context, interval=None)
    marks = [str(account), f"external-{name}"]
    for status in ("paid", "refunded"):
        order = await make_order(context, account, [monthly, once], status=status)
        marks += [str(order.id), str(order.stripe_subscription_id), order.stripe_session_id]
        for product in (monthly, once):
            made = await make_license(context, order, product, domains=(f"host-{name}.example.com",))
            marks += [str(made.id), made.key, f"host-{name}.example.com"]
    return Side(await make_api_key(context, account), str(account), tuple(marks))


@pytest_asyncio.fixture
async def both(face: Face) -> AsyncIterator[Both]:
    document = (await face.call("GET", "/openapi.json")).json()
    # Checkout asks Stripe; that it acts for nobody else is told by the tests of acting accounts.
    paths = tuple(path for path in document["paths"] if not path.startswith("/api/billing"))
    assert {"/api/orders", "/api/orders/{id}", "/api/licenses/{id}/timeline", "/api/admin/accounts/{id}"} <= set(paths)
    yield Both(face, (await make_side(face, "one"), await make_side(face, "two")), paths)


def assert_apart(text: str, other: Side) -> None:
    # The two sides' numbers overlap (sub_1 is in sub_12): a mark counts where it stands as a whole value.
    assert not [mark for mark in other.marks if f'"{mark}"' in text]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_of_the_other_is_ever_seen(both: Both, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 1))
    mine, other = both.sides[n], both.sides[1 - n]
    any_mark = st.sampled_from(mine.marks + other.marks)
    path = data.draw(st.sampled_from(both.paths)).replace("{id}", data.draw(any_mark))
    method = data.draw(st.sampled_from(["GET", "GET", "GET", "POST", "PATCH", "DELETE"]))
    names = st.sampled_from(
        ["accountId", "status", "productId", "externalId", "page", "limit", "to", "id", "organizationId"]
    )
    query = data.draw(st.dictionaries(names, any_mark | st.sampled_from(["1", "2", "active", "paid"]), max_size=3))
    body: dict[str, Any] = data.draw(st.dictionaries(names, any_mark, max_size=2))
    given_body = {"json": body} if method in ("POST", "PATCH") else {}
    answer = await both.face.call(method, path, key=mine.key, params=query, **given_body)
    assert answer.status_code < 500
    assert_apart(answer.text, other)


async def test_each_sees_its_own_and_the_operator_both(both: Both) -> None:
    one, two = both.sides
    for path, many in (("/api/orders", 2), ("/api/licenses", 4)):
        for side, other in ((one, two), (two, one)):
            answer = await both.face.get(path, key=side.key)
            assert answer.json()["meta"]["total"] == many
            assert_apart(answer.text, other)
            by_name = await both.face.get(path, params={"accountId": side.account_id})
            assert by_name.json() == answer.json()
            assert_error(
                await both.face.get(path, key=side.key, params={"accountId": other.account_id}), 404, "not_found"
            )
            for found in answer.json()["data"]:
                own = f"{path}/{found['id']}"
                assert (await both.face.get(own, key=side.key)).status_code == 200
                assert (await both.face.get(own)).status_code == 200
                theirs = assert_error(await both.face.get(own, key=other.key), 404, "not_found")
                # What is another's and what is not there cannot be told apart.
                nothing = await both.face.get(f"{path}/{side.account_id}", key=other.key)
                assert theirs == assert_error(nothing, 404, "not_found")
                narrowed = await both.face.get(own, params={"accountId": other.account_id})
                assert_error(narrowed, 404, "not_found")
        assert (await both.face.get(path)).json()["meta"]["total"] == 2 * many
