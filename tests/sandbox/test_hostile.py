"""Requests that somebody sends to break it: refused, and nothing of them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.conftest import KEY
from tests.sandbox.play import Play

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AUTH = {"Authorization": f"Bearer {KEY}"}
# Python takes these digits for a number.
ARABIC_TEN = "\u0661\u0660"
PRICE = {"currency": "usd", "unit_amount": "5", "product_data[name]": "T", "recurring[interval]": "month"}
PAUSES = "features[subscription_pause]"
PAUSE = f"{PAUSES}[duration][interval_options][0]"
TOO_MANY = "9" * 11
LONG_PAUSE = {
    f"{PAUSES}[enabled]": "true",
    f"{PAUSES}[duration][type]": "interval_options",
    f"{PAUSE}[interval]": "day",
    f"{PAUSE}[interval_count]": TOO_MANY,
}
REPEATING = {"duration": "repeating", "percent_off": "5"}
FORM = {**AUTH, "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("name=T&metadata" + "[a]" * 100_000 + "=x", "metadata"),
        ("name=T&images[" + "9" * 5000 + "]=x", "images"),
        ("name=T&metadata[]]=x", "metadata"),
        ("name=T&[a]=x", "[a]"),
        ("name[]=T", "name"),
        ("name=T&metadata[a]=1&metadata[a][b]=2", "metadata[a][b]"),
        ("name=T&id=" + "x" * 6000, "id"),
    ],
)
async def test_names_of_parameters(play: Play, body: str, param: str) -> None:
    answer = await play.http.post("/v1/products", content=body, headers=FORM)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"].startswith(param)
    assert (await play.api.products.list_async()).data == []


async def test_bodies(play: Play) -> None:
    for content, headers, status in (
        (b"name=" + b"x" * (2 << 20), FORM, 413),
        (b"name=%ff", FORM, 400),
        (b"\xff\xfe", FORM, 400),
        (b"&".join([b"a=1"] * 6000), FORM, 400),
        (b'{"name": "T"}', {**AUTH, "Content-Type": "application/json"}, 400),
        (b"name=T", {**AUTH, "Content-Type": "multipart/form-data"}, 400),
        (b"name=T", {**FORM, "Idempotency-Key": "k" * 256}, 400),
        (b"name=T", {**FORM, "Stripe-Account": "acct_other"}, 403),
        (b"name=T", {**FORM, "Host": "evil.example"}, 403),
    ):
        answer = await play.http.post("/v1/products", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")
    assert (await play.api.products.list_async()).data == []


@pytest.mark.parametrize(
    "query",
    [
        "created>99999999999999999999",
        "name:'",
        "-name:null AND",
        "name:'a' OR email:'b' AND x:1",
        "email~'%'",
        "x" * 5000,
    ],
)
async def test_searches(play: Play, query: str) -> None:
    answer = await play.http.get("/v1/customers/search", params={"query": query}, headers=AUTH)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "query")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff",
        b'{"seconds": NaN}',
        b'{"seconds": 1' + b"0" * 400 + b"}",
        b"nan",
        b'"x"',
        b"{}{}",
    ],
)
async def test_bodies_of_controls(play: Play, body: bytes) -> None:
    for path in ("clock/advance", "faults", "dunning", "refunds", "disputes"):
        answer = await play.http.post(f"/_sandbox/{path}", content=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_bodies_without_end(play: Play) -> None:
    session = await play.session(await play.price())

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a" * 100_000

    for path in (f"/c/pay/{session.id}", "/_sandbox/faults", "/v1/products"):
        answer = await play.http.post(path, content=endless(), headers=FORM)
        assert (answer.status_code, "too large" in answer.text) == (413, True), path


NO_TEXT: tuple[Any, ...] = (7, [], {}, True, "x" * 9999)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("card", "email", "promotionCode", "phone", "threeDS") for value in NO_TEXT],
)
async def test_what_a_buyer_is_not(play: Play, name: str, value: Any) -> None:
    session = await play.session(await play.price(), allow_promotion_codes=True)
    answer = await play.http.post(f"/_sandbox/checkout/{session.id}/pay", json={name: value})
    assert answer.status_code in {400, 402}, answer.text
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert (await play.api.customers.list_async()).data == []


async def test_forms(play: Play) -> None:
    session = await play.session(await play.price())
    many = await play.http.post(session.url, content="&".join(f"a{at}=1" for at in range(200)))
    assert many.status_code == 400
    for form in (
        {"email": "x" * 1000 + "@a.example", "card": "4242424242424242", "expiry": "12/50", "cvc": "123"},
        {"email": "a@example.com", "card": "٤" * 16, "expiry": "12/50", "cvc": "123"},
        {"email": "a@example.com", "card": "4242424242424242", "expiry": "99999/9", "cvc": "123"},
        {"email": "a@example.com", "card": "4242424242424242", "expiry": "12/50", "cvc": "١٢٣"},
    ):
        assert (await play.http.post(session.url, data=form)).status_code == 402
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).status == "open"


@pytest.mark.parametrize(
    ("path", "given", "param"),
    [
        ("customers", {"email": "nobody"}, "email"),
        (
            "checkout/sessions",
            {"mode": "setup", "currency": "usd", "success_url": "https://x", "customer_email": "x"},
            "customer_email",
        ),
        (
            "payment_methods",
            {"type": "card", "card[token]": "tok_visa", "billing_details[email]": "a b"},
            "billing_details[email]",
        ),
        ("payment_intents", {"amount": 500, "currency": "usd", "receipt_email": "@"}, "receipt_email"),
    ],
)
async def test_addresses_that_are_none(play: Play, path: str, given: dict[str, Any], param: str) -> None:
    answer = await play.http.post(f"/v1/{path}", data=given, headers=AUTH)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error.get("param")) == (400, "email_invalid", param)


async def test_objects_of_another_kind(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    for path in (
        f"/c/pay/{customer.id}",
        f"/i/{customer.id}",
        f"/receipts/{customer.id}",
        f"/c/recover/{customer.id}",
        "/c/pay/%00",
    ):
        assert (await play.http.get(path)).status_code == 404, path
    for path in (
        f"/v1/prices/{customer.id}",
        f"/v1/invoices/{customer.id}/lines",
        "/v1/customers/%00",
        "/v1//customers",
    ):
        assert (await play.http.get(path, headers=AUTH)).status_code == 404, path
    for path in ("/static/../../../etc/passwd", "/static/%2e%2e/%2e%2e/README.md"):
        assert (await play.http.get(path)).status_code == 404, path


@pytest.mark.parametrize(
    ("path", "given", "param"),
    [
        ("coupons", {"duration": "once", "percent_off": "1_0"}, "percent_off"),
        ("coupons", {"duration": "once", "percent_off": " 10"}, "percent_off"),
        ("coupons", {"duration": "once", "percent_off": ARABIC_TEN}, "percent_off"),
        ("coupons", {"duration": "once", "amount_off": ARABIC_TEN, "currency": "usd"}, "amount_off"),
        ("coupons", {"duration": "once", "amount_off": "9" * 18, "currency": "usd"}, "amount_off"),
        ("customers", {f"preferred_locales[{ARABIC_TEN}]": "en"}, "preferred_locales"),
        ("payment_intents", {"amount": "500", "currency": "ééé"}, "currency"),
        ("invoices", {"customer": "{customer}", "currency": "12"}, "currency"),
        ("invoiceitems", {"customer": "{customer}", "amount": "5", "currency": "zzzz"}, "currency"),
        (
            "coupons",
            {"duration": "repeating", "duration_in_months": TOO_MANY, "percent_off": "5"},
            "duration_in_months",
        ),
        ("prices", {**PRICE, "recurring[trial_period_days]": TOO_MANY}, "recurring[trial_period_days]"),
        ("prices", {**PRICE, "product_data[id]": "prod_taken"}, "product_data[id]"),
        ("billing_portal/configurations", LONG_PAUSE, f"{PAUSE}[interval_count]"),
        ("test_helpers/test_clocks", {"frozen_time": "253402300799"}, "frozen_time"),
        ("test_helpers/test_clocks", {"frozen_time": "-99999999999"}, "frozen_time"),
    ],
)
async def test_numbers_that_are_none(play: Play, path: str, given: dict[str, str], param: str) -> None:
    await play.api.products.create_async({"id": "prod_taken", "name": "T"})
    customer = await play.api.customers.create_async({})
    data = {name: value.replace("{customer}", customer.id) for name, value in given.items()}
    answer = await play.http.post(f"/v1/{path}", data=data, headers=AUTH)
    assert (answer.status_code, answer.json()["error"].get("param")) == (400, param), answer.text


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"items[0][quantity]": "999999999999"}, "items[0][quantity]"),
        ({"backdate_start_date": "-99999999999"}, "backdate_start_date"),
        ({"trial_end": "-1"}, "trial_end"),
    ],
)
async def test_subscriptions_beyond_measure(play: Play, more: dict[str, str], param: str) -> None:
    price = await play.price(99_999_999)
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"})
    given = {"customer": customer.id, "items[0][price]": price.id, **more}
    answer = await play.http.post("/v1/subscriptions", data=given, headers=AUTH)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


@pytest.mark.parametrize("way", ["amount", "unit_amount_decimal"])
async def test_amounts_beyond_measure(play: Play, way: str) -> None:
    customer = await play.api.customers.create_async({})
    quantity = {"quantity": "999999999999"} if way == "unit_amount_decimal" else {}
    most = {"customer": customer.id, "currency": "idr", way: "999999999999", **quantity}
    answer = await play.http.post("/v1/invoiceitems", data=most, headers=AUTH)
    assert answer.status_code == (200 if way == "amount" else 400), answer.text
    if way != "amount":
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("amount_too_large", way)
