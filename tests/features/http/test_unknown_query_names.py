"""A parameter that a route does not know is refused: a filter with a typing error would return everything."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from tests.support.face import Face, assert_error, fields_of
from tests.support.shop import Shop, open_shop

NOBODY = "0193a1b2-7c3d-7e4f-8a5b-123456789abc"

IGNORED = {
    # Stripe sends its events to an address that the vendor chose, and its signature is over the body alone.
    "/api/billing/webhooks",
    # Buyers come here from Stripe, with whatever was in the address.
    "/payment/return",
    "/payment/cancelled",
    "/payment/closed",
    "/healthz",
    # Documents.
    "/openapi.json",
    "/docs",
    "/docs/{name}",
}


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    async with open_shop(database, with_worker=False) as opened:
        yield opened


async def test_every_route_names_the_parameters_that_it_does_not_know(face: Face) -> None:
    routes = [
        (method, str(route.path)) for route in iter_route_contexts(face.app.routes) for method in route.methods or ()
    ]
    assert {path for _, path in routes} >= IGNORED
    for method, path in routes:
        if path not in IGNORED and method != "HEAD":
            address = f"{path.replace('{id}', NOBODY)}?Limit=1&acountId=x"
            answer = await face.call(method, address, key=face.operator_key, json={})
            assert fields_of(answer) == ["Limit", "acountId"], (method, path)


@pytest.mark.parametrize("path", sorted(IGNORED - {"/api/billing/webhooks", "/docs/{name}"}))
async def test_pages_and_documents_ignore_them(face: Face, path: str) -> None:
    secret = {"secret": "nobody"} if path == "/payment/return" else {}
    answer = await face.call("GET", path, params={**secret, "utm_source": "mail"})
    assert answer.status_code == (404 if secret else 200)


async def test_an_event_is_received_at_an_address_with_a_query(face: Face) -> None:
    refused = await face.call("POST", "/api/billing/webhooks?via=tunnel", content=b"{}")
    assert_error(refused, 401, "invalid_signature")


async def test_the_credential_comes_first(face: Face) -> None:
    assert_error(await face.call("GET", "/api/licenses?key=SHOP"), 401, "unauthorized")


async def test_a_misspelt_filter_shows_nobody_s_keys(shop: Shop) -> None:
    account = await shop.make_account()
    await shop.buy(account, "Shopify Connector")
    for query in ("key=SHOP", "accountid=nobody", "account_id=nobody", "Status=active"):
        answer: Any = await shop.api("GET", f"/api/licenses?{query}")
        assert fields_of(answer) == [query.partition("=")[0]]
    listed = await shop.api("GET", f"/api/licenses?accountId={account}&status=active&limit=1&page=1")
    assert listed.json()["meta"]["total"] == 1
