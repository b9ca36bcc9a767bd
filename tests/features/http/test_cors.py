"""Which pages of other sites may call from a browser (contract, section 1)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import assert_error
from tests.support.serving import serve

from licet.app import create_app
from licet.db.pool import Pool
from licet.http.middleware.cors import OPEN_PATHS

OURS, THEIRS = "https://app.example.com", "https://elsewhere.example"


@asynccontextmanager
async def calling(pool: Pool, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve(create_app(make_context(pool, **settings))) as url,
        open_client(base_url=url) as client,
    ):
        yield client


async def ask_first(client: httpx.AsyncClient, path: str, method: str, origin: str = THEIRS) -> httpx.Response:
    """A browser's preflight."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, x-api-key, x-request-id",
    }
    return await client.options(path, headers=headers)


def allowed(answer: httpx.Response) -> str | None:
    """For whose pages the browser lets the answer through. Never with cookies."""
    assert "access-control-allow-credentials" not in answer.headers
    allowed: str | None = answer.headers.get("access-control-allow-origin")
    return allowed


@pytest.mark.parametrize(("path", "method"), OPEN_PATHS.items())
async def test_what_is_open_may_be_called_by_any_page(pool: Pool, path: str, method: str) -> None:
    async with calling(pool) as client:
        preflight = await ask_first(client, path, method)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert allowed(preflight) == "*"
        assert preflight.headers["access-control-allow-methods"] == method
        answer = await client.request(method, path, headers={"Origin": THEIRS, "Cookie": "a=b"}, json={})
        assert allowed(answer) == "*"
        readable = answer.headers["access-control-expose-headers"]
        assert {"X-Request-Id", "X-RateLimit-Remaining", "Retry-After"} <= set(readable.split(", "))


def test_what_is_open() -> None:
    assert OPEN_PATHS == {
        "/api/licenses/validate": "POST",
        "/api/licenses/activate": "POST",
        "/api/licenses/deactivate": "POST",
        "/.well-known/jwks.json": "GET",
    }


async def test_everything_else_is_open_to_nobody(pool: Pool) -> None:
    async with calling(pool) as client:
        for path in ("/api/products", "/api/orders", "/api/licenses", "/nowhere", "/openapi.json"):
            preflight = await ask_first(client, path, "GET")
            assert preflight.status_code in (404, 405)
            assert allowed(preflight) is None
            assert allowed(await client.get(path, headers={"Origin": THEIRS})) is None


async def test_origins_that_are_named(pool: Pool) -> None:
    async with calling(pool, cors_origins=[OURS, "http://localhost:3000"]) as client:
        for origin in (OURS, "http://localhost:3000"):
            for method in ("GET", "POST", "PATCH", "DELETE"):
                preflight = await ask_first(client, "/api/orders", method, origin)
                assert (preflight.status_code, allowed(preflight)) == (204, origin)
            answer = await client.get("/api/products", headers={"Origin": origin})
            assert (answer.status_code, allowed(answer)) == (200, origin)
            assert "Origin" in answer.headers["vary"]
        # What is open stays open.
        assert allowed(await ask_first(client, "/api/licenses/validate", "POST")) == "*"


@pytest.mark.parametrize(
    "origin",
    [THEIRS, f"{OURS}.elsewhere.example", "http://app.example.com", f"{OURS}:444", "null", "https://APP.example.com"],
)
async def test_no_other_origin_is_like_one_that_is_named(pool: Pool, origin: str) -> None:
    async with calling(pool, cors_origins=[OURS]) as client:
        refused = await ask_first(client, "/api/orders", "GET", origin)
        assert_error(refused, 403, "cors_refused")
        assert allowed(refused) is None
        assert allowed(await client.get("/api/products", headers={"Origin": origin})) is None


async def test_a_method_or_header_that_is_not_for_pages(pool: Pool) -> None:
    async with calling(pool) as client:
        assert_error(await ask_first(client, "/api/licenses/validate", "DELETE"), 403, "cors_refused")
        odd = {"Origin": THEIRS, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-odd"}
        assert_error(await client.options("/api/licenses/validate", headers=odd), 403, "cors_refused")


async def test_failures_can_be_read_too(pool: Pool) -> None:
    async with calling(pool, cors_origins=[OURS], rate_limits="on", rate_limit_per_minute=4) as client:
        answers = [
            await client.get("/api/orders", headers={"Origin": OURS}),
            await client.get("/nowhere", headers={"Origin": OURS}),
            await client.put("/api/orders", headers={"Origin": OURS}),
            await client.post("/api/admin/accounts", content=b" " * (1024 * 1024 + 1), headers={"Origin": OURS}),
            await client.get("/api/orders", headers={"Origin": OURS}),
        ]
        assert [answer.status_code for answer in answers] == [401, 404, 405, 401, 429]
        assert [allowed(answer) for answer in answers] == [OURS] * 5
        # A preflight has a count of its own, and is answered to whoever is over the limit.
        assert (await ask_first(client, "/api/orders", "GET", OURS)).status_code == 204
        open_too = await client.post("/api/licenses/validate", json={}, headers={"Origin": THEIRS})
        assert (open_too.status_code, allowed(open_too)) == (429, "*")
