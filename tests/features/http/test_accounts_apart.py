"""One account never sees a byte of another, whatever is asked for, however, and by whichever credential."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.face import assert_error
from tests.support.two_accounts import VIEWS, Both, Side, seen_in, two_accounts

WORDS = st.sampled_from(["1", "2", "all", "active", "paid", "open", "true", "null", "*", "%"])
METHODS, PORTAL = "/api/billing/payment-methods", "/api/billing/portal-session"
NAMES = st.sampled_from(
    ["accountId", "organizationId", "status", "productId", "externalId", "subscriptionId", "page", "limit", "to", "id",
     "paymentMethodId", "priceId", "secret", "returnUrl"]
)  # fmt: skip
FLAGS = st.fixed_dictionaries(
    {}, optional={"setDefault": st.just(True), "payOpenInvoices": st.booleans(), "cancelAtPeriodEnd": st.just(True)}
)


@pytest_asyncio.fixture
async def both(database: str) -> AsyncIterator[Both]:
    async with two_accounts(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def operations(both: Both) -> list[tuple[str, str]]:
    """Every (method, path) that is described."""
    document = (await both.shop.client.get(f"{both.shop.url}/openapi.json")).json()
    return [(method.upper(), path) for path, by_method in document["paths"].items() for method in by_method]


async def see(both: Both, path: str, key: str | None = None) -> Any:
    answer = await both.shop.api("GET", path, key=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names_of(side: Side) -> list[str]:
    """All that an account can be asked for by."""
    return [side.account_id, side.external_id, *(one for ids in side.ids.values() for one in ids)]


def bodies(values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Whatever, or just what some route asks for."""
    url = st.just("https://shop.example/back")
    items = st.lists(st.fixed_dictionaries({"productId": values, "quantity": st.just(1)}), max_size=2)
    return st.one_of(
        st.dictionaries(NAMES, values, max_size=2),
        FLAGS,
        st.fixed_dictionaries({"paymentMethodId": values}),
        st.fixed_dictionaries({"returnUrl": url}),
        st.fixed_dictionaries({"successUrl": url, "cancelUrl": url}),
        st.fixed_dictionaries({"successUrl": url, "cancelUrl": url, "items": items}),
        st.fixed_dictionaries({"organizationId": values}),
        st.fixed_dictionaries({"organizationId": values, "priceId": values, "productId": values}),
    )


@given(st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_of_the_other_is_ever_seen(
    both: Both, operations: list[tuple[str, str]], data: st.DataObject
) -> None:
    mine = data.draw(st.sampled_from(both.sides))
    other = both.other(mine)
    any_name = st.sampled_from(names_of(other) + names_of(mine))
    method, path = data.draw(st.sampled_from(operations))
    path = re.sub(r"{\w+}", lambda _: data.draw(any_name), path)
    query = data.draw(st.dictionaries(NAMES, any_name | WORDS, max_size=3))
    key = data.draw(st.sampled_from([mine.key, both.token(mine)]))
    headers = data.draw(st.sampled_from([{}, {"Idempotency-Key": "shared"}, {"X-Request-Id": other.account_id}]))
    given_body = {"json": data.draw(bodies(any_name | WORDS))} if method in ("POST", "PATCH") else {}
    answer = await both.shop.api(method, path, key=key, params=query, headers=headers, **given_body)
    assert answer.status_code < 500, answer.text
    told = answer.text + repr({name: value for name, value in answer.headers.items() if name != "x-request-id"})
    # What the caller wrote himself may come back to him: a refusal names what it refuses.
    unasked = other.marks - set(seen_in(repr((path, query, given_body)), other.marks))
    assert seen_in(told, unasked) == [], (method, path, query, given_body)


async def test_each_sees_its_own_by_whatever_opens_it(both: Both) -> None:
    shop = both.shop
    for side in both.sides:
        other = both.other(side)
        for path in VIEWS:
            own = await see(both, path, side.key)
            assert seen_in(json.dumps(own, ensure_ascii=False), other.marks) == []
            assert await see(both, path, both.token(side)) == own
            # An operator who acts for the account sees just that.
            for name in (side.account_id, side.external_id):
                named = path + ("&" if "?" in path else "?") + f"accountId={name}"
                assert await see(both, named) == own
                assert await see(both, named, side.key) == own
                for key in (other.key, both.token(other)):
                    assert_error(await shop.api("GET", named, key=key), 404, "not_found")


async def test_an_operator_s_lists_span_both(both: Both) -> None:
    for path in VIEWS:
        own = [await see(both, path, side.key) for side in both.sides]
        if "meta" in own[0]:
            together = await see(both, path)
            assert together["meta"]["total"] == sum(one["meta"]["total"] for one in own)
            assert sorted(map(str, together["data"])) == sorted(str(row) for one in own for row in one["data"])


def asked_by_id() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """All that can be asked of one thing: (method, path before the id, the path behind it, body)."""
    for path in ("/api/billing/subscriptions", "/api/billing/invoices", "/api/orders", "/api/licenses"):
        yield "GET", path, "", {}
    yield "GET", "/api/licenses", "/timeline", {}
    yield "POST", "/api/billing/subscriptions", "/cancel", {}
    yield "POST", "/api/billing/subscriptions", "/cancel", {"json": {"cancelAtPeriodEnd": False}}
    yield "POST", "/api/billing/subscriptions", "/resume", {}
    yield "PATCH", "/api/billing/payment-methods", "", {"json": {"setDefault": True, "payOpenInvoices": True}}
    yield "DELETE", "/api/billing/payment-methods", "", {}


NOT_THERE = {
    "/api/billing/subscriptions": "sub_nobody",
    "/api/billing/invoices": "in_nobody",
    "/api/billing/payment-methods": "pm_nobody",
    "/api/orders": "0193a1b2-7c3d-7e4f-8a5b-123456789abc",
    "/api/licenses": "0193a1b2-7c3d-7e4f-8a5b-123456789abc",
}


async def test_what_is_another_s_cannot_be_told_from_what_is_not_there(both: Both) -> None:
    side, other = both.sides
    before = await views(both, other)
    writes = len(both.shop.between.writes())
    for method, path, behind, body in asked_by_id():
        for key in (side.key, both.token(side)):
            nothing = await both.shop.api(method, f"{path}/{NOT_THERE[path]}{behind}", key=key, **body)
            said = assert_error(nothing, 404, "not_found")
            for id_ in other.ids[path]:
                theirs = await both.shop.api(method, f"{path}/{id_}{behind}", key=key, **body)
                assert assert_error(theirs, 404, "not_found") == said
                # Nor does it help to name either account.
                for account in (side.account_id, other.account_id):
                    named = f"{path}/{id_}{behind}?accountId={account}"
                    assert_error(await both.shop.api(method, named, key=key, **body), 404, "not_found")
                # An operator who acts for the one does not reach the other's either.
                acting = f"{path}/{id_}{behind}?accountId={side.account_id}"
                assert assert_error(await both.shop.api(method, acting, **body), 404, "not_found") == said
    assert len(both.shop.between.writes()) == writes
    assert await views(both, other) == before


async def test_another_s_card_is_no_card(both: Both) -> None:
    side, other = both.sides
    told = []
    for id_ in (*other.ids["/api/billing/payment-methods"], "pm_nobody"):
        answer = await both.shop.api("POST", METHODS, key=side.key, json={"paymentMethodId": id_})
        said = assert_error(answer, 422, "invalid_payment_method")
        said["details"].pop("stripeRequestId")
        told.append(json.dumps(said).replace(id_, "…"))
    assert told == [told[0]] * 3


async def test_another_s_organization_is_not_there(both: Both) -> None:
    side, other = both.sides
    for name in (other.account_id, other.external_id, "nobody"):
        for method, path, more in (
            ("GET", f"/payment/subscription-plans?organizationId={name}", {}),
            ("GET", f"/payment/customer-info?organizationId={name}", {}),
            ("POST", "/payment/customer-portal", {"json": {"organizationId": name}}),
            ("POST", "/payment/subscription-cancel", {"json": {"organizationId": name}}),
        ):
            for key in (side.key, both.token(side)):
                answer = await both.shop.api(method, path, key=key, **more)
                assert_error(answer, 404, "organization_not_found")


async def test_the_idempotency_key_of_another_is_another(both: Both) -> None:
    shop = both.shop
    one, two = both.sides
    under = {"headers": {"Idempotency-Key": "the same"}, "json": {"returnUrl": "https://shop.example/me"}}
    # A key of the one, one of the other, their tokens, and the operator who acts for either.
    answers = [
        await shop.api("POST", f"{PORTAL}{query}", key=key, **under)
        for key, query in (
            (one.key, ""),
            (two.key, ""),
            (both.token(one), ""),
            (both.token(two), ""),
            (None, f"?accountId={one.account_id}"),
            (None, f"?accountId={two.account_id}"),
        )
    ]
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["url"] for answer in answers}) == 6
    assert not [answer for answer in answers if "idempotent-replayed" in answer.headers]
    # Whoever asks again gets its own first answer.
    for key, first in ((one.key, answers[0]), (two.key, answers[1]), (both.token(two), answers[3])):
        again = await shop.api("POST", PORTAL, key=key, **under)
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    # What else was asked under it is no secret of the other's to find out.
    other_body = under | {"json": {"returnUrl": "https://shop.example/other"}}
    assert_error(await shop.api("POST", PORTAL, key=one.key, **other_body), 422, "idempotency_key_reused")


async def views(both: Both, side: Side) -> list[Any]:
    return [await see(both, path, side.key) for path in VIEWS]
