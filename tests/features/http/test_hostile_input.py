"""Whatever is sent, nothing of ours breaks: no 500, and every refusal in the one shape."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.face import Face, assert_error, fields_of
from tests.support.patience import PATIENCE_SECONDS
from tests.support.shop import Shop, open_shop

JSON = {"content-type": "application/json"}
NOBODY = "0193a1b2-7c3d-7e4f-8a5b-123456789abc"

WORDS = st.sampled_from(
    [
        "", "\0", "a\0b", "\ud800", "😀", "'", '"; DROP TABLE accounts; --', "../../etc/passwd", "%", "%00", "\r\nX: y",
        "null", "-1", "0", "1e400", "9223372036854775808", "0193a1b2-7c3d-7e4f-8a5b-123456789abc", "x" * 3000, "true",
        "{}", "[]", "2099-01-01T00:00:00Z", "admin", "user",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["kind", "name", "email", "externalId", "scopes", "accountId", "expiresAt", "page", "limit", "status", "type",
     "outcome", "productId", "template", "to", "items", "successUrl", "cancelUrl", "returnUrl", "paymentMethodId",
     "setDefault", "cancelAtPeriodEnd", "organizationId", "priceId", "secret", "subscriptionId", "quoteId"]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | WORDS, inner, max_size=4),
    max_leaves=8,
)


Operation = tuple[str, str]
"""Method and path, as described."""


@pytest_asyncio.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    """Where buyers are sent to one host alone."""
    async with open_shop(database, redirect_hosts=("shop.example",)) as opened:
        yield opened


@pytest_asyncio.fixture
async def account(shop: Shop) -> str:
    return await shop.make_account()


@pytest_asyncio.fixture
async def document(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = (await shop.client.get(f"{shop.url}/openapi.json")).json()
    return found


def operations(document: dict[str, Any], *, parameter: str = "", body: bool = False) -> list[Operation]:
    """All of them, or those that have this parameter, or a JSON body that we read."""
    return [
        (method.upper(), path)
        for path, by_method in document["paths"].items()
        for method, operation in by_method.items()
        if (not parameter or parameter in [one["name"] for one in operation.get("parameters", ())])
        and (not body or "415" in operation["responses"])
    ]


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_operation_bears_everything(
    shop: Shop, document: dict[str, Any], account: str, data: st.DataObject
) -> None:
    method, path = data.draw(st.sampled_from(operations(document)))
    address = path.replace("{id}", quote(data.draw(WORDS).encode(errors="replace"), safe=""))
    query: dict[str, str] = data.draw(st.dictionaries(NAMES, WORDS | st.just(account), max_size=3))
    address += "?" + "&".join(f"{name}={quote(value.encode(errors='replace'))}" for name, value in query.items())
    given_body: dict[str, Any] = {}
    if method in ("POST", "PATCH"):
        body = data.draw(st.dictionaries(NAMES, VALUES, max_size=6) | VALUES)
        given_body = {"content": json.dumps(body).encode(), "headers": JSON}
    answer = await shop.api(method, address, **given_body)
    assert answer.status_code < 500, (method, address, given_body, answer.text)
    assert str(answer.status_code) in document["paths"][path][method.lower()]["responses"]
    if answer.status_code >= 400:
        assert_error(answer, answer.status_code, answer.json()["code"])


PAGES = [
    "page=0", "page=-1", "page=1.5", "page=one", "page=", "page=1000001", "page=99999999999999999999", "page=0x10",
    "page=1&page=2", "page=%00", "page=%F0%9F%98%80", "limit=0", "limit=-5", "limit=101", "limit=9223372036854775808",
    "limit=1e2", "limit=%2B1%00", "limit=true", "limit=20&limit=100",
]  # fmt: skip


async def test_pages_that_are_none(shop: Shop, document: dict[str, Any]) -> None:
    lists = operations(document, parameter="page")
    assert len(lists) > 8
    for path in [path.replace("{id}", NOBODY) for _, path in lists]:
        for query in PAGES:
            answer = await shop.api("GET", f"{path}?{query}")
            name = query.partition("=")[0]
            assert fields_of(answer) == [name], (path, query)
        # As far as one may turn there is nothing, and that is no failure.
        far = await shop.api("GET", f"{path}?page=1000000&limit=100")
        if NOBODY not in path:
            assert (far.status_code, far.json()["data"]) == (200, []), path


async def test_a_name_that_comes_twice_in_a_query(shop: Shop, document: dict[str, Any], account: str) -> None:
    """Whichever of them counted, somebody would have meant the other."""
    other = await shop.make_account("eve@example.com")
    for method, path in operations(document):
        address = f"{path.replace('{id}', NOBODY)}?accountId={account}&accountId={other}&x=1"
        assert fields_of(await shop.api(method, address)) == ["accountId"], (method, path)


BODIES = [
    (b'{"a": 1, "a": 2}', 400, "malformed_json"),
    (b'{"a": {"b": 1, "b": 2}}', 400, "malformed_json"),
    (b"[" * 100 + b"]" * 100, 400, "malformed_json"),
    (b'{"a":' * 100_000, 400, "malformed_json"),
    (b'{"a": NaN}', 400, "malformed_json"),
    (b'{"a": 1e999}', 400, "malformed_json"),
    (b'{"a": ' + b"9" * 5000 + b"}", 400, "malformed_json"),
    (b"\xff\xfe", 400, "malformed_json"),
    (b"<xml/>", 400, "malformed_json"),
    (b"a=1&b=2", 400, "malformed_json"),
    (b'{"a": "\\u0000"}', 422, "validation_failed"),
    (b'{"a": "\\ud800"}', 422, "validation_failed"),
    (b'{"nothing of this name": 1}', 422, "validation_failed"),
    (b'{"__proto__": {}, "constructor": {}}', 422, "validation_failed"),
    (b"[]", 422, "validation_failed"),
    (b"7", 422, "validation_failed"),
    (b'"text"', 422, "validation_failed"),
    (b"true", 422, "validation_failed"),
]


async def test_bodies_that_are_none(shop: Shop, document: dict[str, Any], account: str) -> None:
    asking = operations(document, body=True)
    assert len(asking) > 8
    for method, path in asking:
        address = path.replace("{id}", NOBODY) + (f"?accountId={account}" if path.startswith("/api/billing") else "")
        for body, status, code in BODIES:
            answer = await shop.api(method, address, content=body, headers=JSON)
            assert_error(answer, status, code)
            assert len(answer.text) < 1000
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await shop.api(method, address, content=b"{}", headers={"content-type": content_type})
            assert_error(answer, 415, "unsupported_media_type")


NUMBERS: list[tuple[str, dict[str, Any], str]] = [
    ("/api/billing/checkout", {"items": [{"productId": "x", "quantity": "1"}]}, "items[0].quantity"),
    ("/api/billing/checkout", {"items": [{"productId": "x", "quantity": 1.5}]}, "items[0].quantity"),
    ("/api/billing/checkout", {"items": [{"productId": "x", "quantity": True}]}, "items[0].quantity"),
    ("/api/billing/checkout", {"items": [{"productId": "x", "quantity": -1}]}, "items[0].quantity"),
    ("/api/billing/checkout", {"items": [{"productId": "x", "quantity": 10**30}]}, "items[0].quantity"),
    ("/api/billing/checkout", {"items": [{"productId": 7, "quantity": 1}]}, "items[0].productId"),
    ("/api/billing/checkout", {"items": [], "metadata": {"n": 1}}, "metadata.n"),
    ("/api/billing/checkout", {"items": {"0": {}}}, "items"),
    ("/api/billing/subscriptions/sub_1/cancel", {"cancelAtPeriodEnd": "false"}, "cancelAtPeriodEnd"),
    ("/api/billing/subscriptions/sub_1/cancel", {"cancelAtPeriodEnd": 0}, "cancelAtPeriodEnd"),
    ("/api/billing/payment-methods", {"paymentMethodId": 7}, "paymentMethodId"),
    ("/api/billing/portal-session", {"returnUrl": ["https://shop.example"]}, "returnUrl"),
]


async def test_one_type_for_another(shop: Shop, account: str) -> None:
    """`"false"` must not end a subscription at once, nor `"1"` buy one."""
    urls: dict[str, Any] = {"successUrl": "https://shop.example/thanks", "cancelUrl": "https://shop.example/cart"}
    writes = shop.between.writes()
    for path, body, field in NUMBERS:
        whole = urls | body if path.endswith("checkout") else body
        answer = await shop.api("POST", f"{path}?accountId={account}", json=whole)
        assert field in fields_of(answer), (path, body)
    assert shop.between.writes() == writes


IDS = [
    "..", ".", "%2e%2e%2f%2e%2e%2fcustomers", "%00", "a%00b", "a%0d%0aSet-Cookie:%20x=1", "%0a", "%7f", "%ff", "😀",
    "%E2%80%AE", "null", "undefined", "-1", "0", "1e400", "' OR '1'='1", "sub_1?expand[]=customer", "sub_%25", "*",
    "{id}", "x" * 256, "x" * 3000, "00000000-0000-0000-0000-000000000000", "0193A1B27C3D7E4F8A5B123456789ABC",
]  # fmt: skip


async def test_ids_that_are_none(shop: Shop, document: dict[str, Any], account: str) -> None:
    asking = [(method, path) for method, path in operations(document) if "{id}" in path]
    assert len(asking) > 12
    writes = shop.between.writes()
    for method, path in asking:
        for id_ in IDS:
            body: dict[str, Any] = {"json": {"setDefault": True}} if method == "PATCH" and "billing" in path else {}
            named = path.replace("{id}", id_.replace("?", "%3F"))
            answer = await shop.api(method, f"{named}?accountId={account}", **body)
            # A dot is taken away before it is sent, and what is left is another address.
            assert answer.status_code in (404, 405, 422, *((200,) if id_ in (".", "..") else ())), (method, path, id_)
            assert "set-cookie" not in answer.headers
    assert shop.between.writes() == writes


URLS = [
    "", " ", "shop.example", "//shop.example", "/back", "javascript:alert(1)", "data:text/html,x", "ftp://shop.example",
    "http://shop.example", "https://evil.example", "https://shop.example.evil.example", "https://evil.example/shop.example",
    "https://shop.example@evil.example", "https://user:pass@shop.example", "https://evil.example\\@shop.example",
    "https://shop.example\r\nSet-Cookie: a=b", "https://shop.example/\r\nLocation: https://evil.example",
    "https://shop.example/\t", "https://shop.example/\u0000", "https://shop.example:0", "https://shop.example:99999",
    "https://shop.example:", "https:///back", "https:shop.example", "https://[::1", "https://shop。example",
    "https://shop.example/" + "x" * 5000, "https://127.0.0.1.evil.example", "HTTPS://EVIL.EXAMPLE",
]  # fmt: skip
GOOD = "https://shop.example/back"
REDIRECTS: list[tuple[str, tuple[str, ...]]] = [
    ("/api/billing/checkout", ("successUrl", "cancelUrl")),
    ("/api/billing/payment-methods", ("successUrl", "cancelUrl")),
    ("/api/billing/portal-session", ("returnUrl",)),
    ("/payment/subscription-checkout", ("successUrl", "cancelUrl")),
    ("/payment/customer-portal", ("returnUrl",)),
]


async def test_urls_that_lead_elsewhere(shop: Shop, document: dict[str, Any], account: str) -> None:
    growth = await shop.product("Growth")
    cart = {"items": [{"productId": growth["id"], "quantity": 1}]}
    plan = {"organizationId": account, "productId": growth["id"], "priceId": growth["prices"][0]["id"]}
    more = {"/api/billing/checkout": cart, "/payment/subscription-checkout": plan}
    for path, fields in REDIRECTS:
        asked = more.get(path, {"organizationId": account} if path.startswith("/payment") else {})
        address = path if path.startswith("/payment") else f"{path}?accountId={account}"
        for field in fields:
            for url in URLS:
                body = asked | dict.fromkeys(fields, GOOD) | {field: url}
                answer = await shop.api("POST", address, json=body)
                assert answer.status_code == 422, (path, field, url, answer.text)
                if "\0" in url:
                    assert fields_of(answer) == [field]
                else:
                    assert assert_error(answer, 422, "invalid_redirect_url")["details"] == {"field": field}, url
        # With good ones it goes well.
        answer = await shop.api("POST", address, json=asked | dict.fromkeys(fields, GOOD))
        assert answer.status_code in (200, 201), answer.text


def test_no_url_that_a_caller_gives_was_forgotten(document: dict[str, Any]) -> None:
    given_urls = {
        (path, name)
        for path, by_method in document["paths"].items()
        for operation in by_method.values()
        for content in operation.get("requestBody", {"content": {}})["content"].values()
        for name in document["components"]["schemas"]
        .get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        .get("properties", {})
        if name.endswith("Url")
    }
    assert given_urls == {(path, field) for path, fields in REDIRECTS for field in fields}


async def raw(face: Face, request: bytes) -> bytes:
    host, port = face.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
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
