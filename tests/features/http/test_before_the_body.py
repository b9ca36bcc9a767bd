"""A request is authenticated and counted before its body is read, on every route of the application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from tests.factories.accounts import make_account, make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error, fields_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve

from licet.app import create_app
from licet.db.pool import Pool
from licet.http.context import Context
from licet.http.json_body import MAX_DEPTH, MAX_VALUES
from licet.http.middleware.body_limit import MAX_BODY_BYTES
from licet.http.query import MAX_QUERY_BYTES, MAX_QUERY_NAMES
from licet.http.router import MAX_BODY_BYTES_WITHOUT_KEY, api_router
from licet.http.shapes import RequestBody

NOBODY = "0193a1b2-7c3d-7e4f-8a5b-123456789abc"
JSON = {"content-type": "application/json"}
WEBHOOKS = "/api/billing/webhooks"
MAX_CPU_SECONDS = 0.2
"""Ten times what a busy machine takes for the worst body, and a fifth of what it took before."""

DEEP = b"[" * 30 + b"]" * 30
COSTLY = {
    "nested lists": b"[" + b",".join([DEEP] * 17000) + b"]",
    "numbers": b'{"items": [' + b",".join([b"0"] * 500_000) + b"]}",
    "empty objects": b'{"items": [' + b",".join([b"{}"] * 340_000) + b"]}",
    "empty texts": b'{"items": [' + b",".join([b'""'] * 340_000) + b"]}",
    "long numbers": b'{"items": [' + b",".join([b"9" * 4200] * 249) + b"]}",
    "open lists": b"[" * MAX_BODY_BYTES,
    "quotes": b'"' * MAX_BODY_BYTES,
    "backslashes": b'"' + b"\\" * (MAX_BODY_BYTES - 2) + b'"',
}


def operations(face: Face) -> Iterator[tuple[str, str]]:
    """Each method and path of the route table, pages and documents included."""
    for route in iter_route_contexts(face.app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, (route.path or "").replace("{id}", NOBODY).replace("{name}", "page.css")


async def answer_without_body(face: Face, method: str, path: str, headers: str = "") -> tuple[int, bytes]:
    """The status and body of the response to a request whose body is announced and never sent."""
    host, port = face.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
        writer.write(f"{head}Connection: close\r\n{headers}\r\n".encode())
        status = int((await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)).split()[1])
        while (await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)).strip():
            pass
        return status, await asyncio.wait_for(reader.read(100_000), PATIENCE_SECONDS)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_without_a_key_no_route_reads_a_body(face: Face) -> None:
    """Each responds although the body never arrives. Of Stripe's events, whose bodies are signed, see below."""
    found = list(operations(face))
    assert len(found) > 40
    assert ("POST", WEBHOOKS) in found
    for method, path in found:
        if path != WEBHOOKS:
            status, _ = await answer_without_body(face, method, path)
            described = face.app.openapi()["paths"].get(path.replace(NOBODY, "{id}"), {}).get(method.lower(), {})
            # What `/openapi.json` says needs a credential has refused it; readiness only shows less.
            needs_key = "security" in described and {} not in described["security"]
            assert status == 401 if needs_key else status != 400, (method, path, status)


async def test_an_event_without_a_signature_is_not_read(face: Face) -> None:
    for headers in ("", "Stripe-Signature: nonsense\r\n", "Stripe-Signature: t=1\r\n"):
        status, body = await answer_without_body(face, "POST", WEBHOOKS, headers)
        assert (status, json.loads(body)["code"]) == (401, "invalid_signature")


async def test_with_a_wrong_key_or_too_small_a_scope_no_route_reads_a_body(face: Face) -> None:
    reader = await make_api_key(face.context, await make_account(face.context), "read")
    writing = [(method, path) for method, path in operations(face) if method in ("POST", "PATCH", "PUT")]
    for method, path in writing:
        if path not in (WEBHOOKS, "/payment/subscription-process"):
            for key, expected in (("lic_test_" + "x" * 40, 401), (reader, 403)):
                status, body = await answer_without_body(face, method, path, f"X-API-Key: {key}\r\n")
                assert (status, json.loads(body)["statusCode"]) == (expected, expected), (method, path)


async def test_no_key_comes_before_every_fault_of_the_body_and_the_query(face: Face) -> None:
    for content, headers in (
        (b"{", JSON),
        (b" " * (MAX_BODY_BYTES + 1), JSON),
        (b"{}", {"content-type": "text/plain"}),
        (b'{"nothing": 1}', JSON),
        (b'{"name": "\\u0000"}', JSON),
    ):
        for path in ("/api/admin/accounts", "/api/billing/checkout?nothing=1", "/payment/subscription-checkout"):
            assert_error(await face.call("POST", path, content=content, headers=headers), 401, "unauthorized")


async def test_a_body_that_is_only_spoken_of_is_refused_by_its_length_after_the_key(face: Face) -> None:
    for method, path in (("GET", "/api/orders"), ("DELETE", f"/api/admin/api-keys/{NOBODY}")):
        content = b" " * (MAX_BODY_BYTES + 1)
        assert_error(await face.call(method, path, content=content), 401, "unauthorized")
        refused = await face.call(method, path, key=face.operator_key, content=content)
        assert_error(refused, 413, "body_too_large")


@pytest.mark.parametrize("name", COSTLY)
async def test_the_worst_bodies_cost_milliseconds(face: Face, name: str) -> None:
    for key, status in ((None, 401), (face.operator_key, 400)):
        began = time.process_time()
        answer = await face.call("POST", "/api/admin/accounts", key=key, content=COSTLY[name], headers=JSON)
        # The processor time of this process, which also sends the body.
        assert time.process_time() - began < MAX_CPU_SECONDS
        # One long text is no costly body: it is read.
        expected = 422 if key and name == "backslashes" else status
        assert_error(answer, expected, {400: "malformed_json", 401: "unauthorized", 422: "validation_failed"}[expected])


async def test_how_many_values_and_how_deep(face: Face) -> None:
    async def send(body: bytes) -> int:
        return (await face.post("/api/admin/accounts", content=body, headers=JSON)).status_code

    assert await send(b"[" + b",".join([b"0"] * MAX_VALUES) + b"]") == 422
    assert await send(b"[" + b",".join([b"0"] * (MAX_VALUES + 1)) + b"]") == 400
    assert await send(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) == 422
    assert await send(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)) == 400
    # In a text these characters are text.
    for text in (b"[" * 3000, b"," * 3000, rb"\"" * 3000, rb"\\" * 3001, rb"\"[,{" * 3000):
        body = b'{"kind": "user", "name": "' + text + b'", "email": "a@example.com"}'
        assert fields_of(await face.post("/api/admin/accounts", content=body, headers=JSON)) == ["name"]


async def test_options_is_counted_and_names_the_methods(pool: Pool) -> None:
    context = make_context(pool, rate_limits="on", rate_limit_per_minute=3)
    app = create_app(context)
    async with serve(app) as url, open_client(base_url=url) as client:
        answers = [await client.options("/api/admin/accounts") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [405, 405, 405, 429, 429]
        assert answers[0].headers["allow"] == "GET, POST"
        # It has a count of its own: pages of other sites cannot use up a caller's.
        assert (await client.get("/api/products")).headers["x-ratelimit-remaining"] == "2"
        ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        preflight = await client.options("/api/licenses/validate", headers=ask)
        assert (preflight.status_code, preflight.headers["x-ratelimit-remaining"]) == (204, "0")


@pytest_asyncio.fixture
async def keyless(context: Context) -> AsyncIterator[Face]:
    """An application with a route that reads a body and needs no API key."""
    router = api_router("/keyless", tag="test")

    class Body(RequestBody):
        text: str

    @router.post("")
    async def keyless(body: Body) -> int:
        return len(body.text)

    app = create_app(context)
    app.router.routes.extend(router.routes)
    async with serve(app) as url, open_client(base_url=url) as client:
        yield Face(context, url, "", client, app)


async def test_a_route_without_a_key_reads_small_bodies_only(keyless: Face) -> None:
    body = b'{"text": "' + b"x" * 1000 + b'"}'
    within = body + b" " * (MAX_BODY_BYTES_WITHOUT_KEY - len(body))
    assert (await keyless.call("POST", "/keyless", content=within, headers=JSON)).json() == 1000
    for given in (within + b" ", within * 20):
        assert_error(await keyless.call("POST", "/keyless", content=given, headers=JSON), 413, "body_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1024

    assert_error(await keyless.call("POST", "/keyless", content=chunks(), headers=JSON), 413, "body_too_large")


async def test_an_address_costs_milliseconds_too(face: Face) -> None:
    for path, field in (
        ("/api/products?" + "&".join(["a"] * (MAX_QUERY_NAMES + 1)), "query"),
        ("/api/products?page=" + "%31" * MAX_QUERY_BYTES, "query"),
    ):
        assert fields_of(await face.call("GET", path)) == [field]
    assert_error(await face.call("GET", "/api/orders/" + "x" * 20_000), 404, "not_found")
