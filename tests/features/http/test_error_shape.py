"""Whatever goes wrong, on whatever path: one shape."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from tests.support.client import open_client
from tests.support.face import Face, assert_error, fields_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve

from licet.app import create_app
from licet.http.context import Context

MIB = 1024 * 1024


async def test_nothing_at_this_address(face: Face) -> None:
    for path in ["/", "/nowhere", "/api/orders/", "/docs/", "/docs/README.md", "/redoc", "//api/orders", "/%00"]:
        assert_error(await face.call("GET", path), 404, "not_found")


async def test_a_method_that_the_address_does_not_take(face: Face) -> None:
    answer = await face.call("PUT", "/api/admin/accounts")
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = await face.call("POST", "/api/orders")
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_a_body_over_the_limit_by_its_length(face: Face) -> None:
    answer = await face.post(
        "/api/admin/accounts", content=b"[" * (MIB + 1), headers={"content-type": "application/json"}
    )
    assert_error(answer, 413, "body_too_large")


async def test_a_body_over_the_limit_in_chunks(face: Face) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b" " * (MIB // 64)

    answer = await face.post("/api/admin/accounts", content=chunks(), headers={"content-type": "application/json"})
    assert_error(answer, 413, "body_too_large")


async def test_a_body_at_the_limit_is_read(face: Face) -> None:
    body = b'{"kind": "user", "name": "A", "email": "a@example.com"}'
    answer = await face.post(
        "/api/admin/accounts", content=body + b" " * (MIB - len(body)), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 201


async def test_a_body_too_large_is_said_as_such_to_whoever_sends_it_all_first(face: Face) -> None:
    host, port = face.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/admin/accounts HTTP/1.1\r\nHost: x\r\nX-API-Key: " + face.operator_key.encode() + b"\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2097152\r\n\r\n"
    )
    writer.write(b" " * 2 * MIB)
    assert (await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_body_that_is_not_said_to_be_json(face: Face) -> None:
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded", "text/json", "json", ""):
        headers = {"content-type": content_type} if content_type is not None else {}
        answer = await face.post("/api/admin/accounts", content=b'{"kind": "user"}', headers=headers)
        assert_error(answer, 415, "unsupported_media_type")


async def test_a_body_that_is_said_to_be_json(face: Face) -> None:
    for content_type in ("application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"):
        answer = await face.post(
            "/api/admin/accounts",
            content=b'{"kind": "user", "name": "A", "email": "a@example.com"}',
            headers={"content-type": content_type},
        )
        assert answer.status_code == 201


async def test_where_a_body_does_not_fit(face: Face) -> None:
    answer = await face.post("/api/admin/api-keys", json={"name": 7, "scopes": ["read", "all"], "accountid": "x"})
    assert sorted(fields_of(answer)) == ["accountid", "name", "scopes[1]"]
    assert fields_of(await face.post("/api/admin/api-keys", json=["read"])) == ["body"]
    assert fields_of(await face.post("/api/admin/api-keys")) == ["body"]
    assert fields_of(await face.get("/api/orders?limit=101&page=0")) == ["page", "limit"]


async def test_what_nobody_foresaw(context: Context) -> None:
    app = create_app(context)

    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError("SELECT secret FROM table")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "no coffee here", headers={"X-Pot": "tea"})

    async with serve(app) as url, open_client(base_url=url) as client:
        answer = await client.get("/breaks", headers={"X-Request-Id": "given-1"})
        body = assert_error(answer, 500, "internal_error")
        assert "SELECT" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["x-request-id"] == "given-1"
        assert body["error"] == "Internal Server Error"
        answer = await client.get("/teapot")
        assert_error(answer, 418, "im_a_teapot")
        assert answer.headers["x-pot"] == "tea"
        # The connection and the process live on.
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_half_an_answer_is_cut_off(context: Context) -> None:
    app = create_app(context)

    async def half() -> AsyncIterator[str]:
        yield "half an"
        raise RuntimeError("the other half is not to be had")

    @app.get("/half")
    async def breaks_later() -> StreamingResponse:
        return StreamingResponse(half())

    async with serve(app) as url, open_client(base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/half")
        assert (await client.get("/healthz")).status_code == 200


async def test_an_error_says_how_to_authenticate(face: Face) -> None:
    answer = await face.call("GET", "/api/orders")
    assert_error(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
