"""Whatever is sent, nothing of ours breaks: no 500, and every refusal in the one shape."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.face import Face, assert_error

WORDS = st.sampled_from(
    [
        "", "\0", "a\0b", "\ud800", "😀", "'", '"; DROP TABLE accounts; --', "../../etc/passwd", "%", "%00", "\r\nX: y",
        "null", "-1", "0", "1e400", "9223372036854775808", "0193a1b2-7c3d-7e4f-8a5b-123456789abc", "x" * 3000, "true",
        "{}", "[]", "2099-01-01T00:00:00Z", "admin", "user",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["kind", "name", "email", "externalId", "scopes", "accountId", "expiresAt", "page", "limit", "status", "type",
     "outcome", "productId", "template", "to"]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | WORDS, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture
def operations(face: Face) -> list[tuple[str, str]]:
    document = face.app.openapi()
    return [
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if not path.startswith("/api/billing")
    ]


@given(st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_operation_bears_everything(
    face: Face, operations: list[tuple[str, str]], data: st.DataObject
) -> None:
    method, path = data.draw(st.sampled_from(operations))
    path = path.replace("{id}", quote(data.draw(WORDS).encode(errors="replace"), safe=""))
    query: dict[str, str] = data.draw(st.dictionaries(NAMES, WORDS, max_size=3))
    address = path + "?" + "&".join(f"{name}={quote(value.encode(errors='replace'))}" for name, value in query.items())
    given_body: dict[str, Any] = {}
    if method in ("POST", "PATCH"):
        body = data.draw(st.dictionaries(NAMES, VALUES, max_size=6) | VALUES)
        given_body = {"content": json.dumps(body).encode(), "headers": {"content-type": "application/json"}}
    answer = await face.call(method, address, key=face.operator_key, **given_body)
    assert answer.status_code < 500, (method, address, given_body)
    if answer.status_code >= 400:
        assert_error(answer, answer.status_code, answer.json()["code"])


async def raw(face: Face, request: bytes) -> bytes:
    host, port = face.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def test_a_line_break_in_a_request_id_makes_no_header(face: Face) -> None:
    for break_ in (b"\r", b"\n", b"\r\n ", b"\x0b", b"\x85"):
        answer = await raw(
            face,
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: a"
            + break_
            + b"Set-Cookie: b\r\n\r\n",
        )
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\nset-cookie" not in head
        assert b"\rset-cookie" not in head


async def test_two_request_ids_are_one(face: Face) -> None:
    answer = await raw(
        face,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: one\r\nX-Request-Id: two\r\n\r\n",
    )
    assert answer.lower().count(b"x-request-id:") == 1


async def test_a_caller_who_goes_away_in_the_middle(face: Face) -> None:
    host, port = face.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/admin/accounts HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await face.call("GET", "/healthz")).status_code == 200
