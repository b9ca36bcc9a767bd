"""Idempotency keys: what is replayed, what is refused, and what is not remembered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.conftest import KEY

from licet_sandbox.api.table import OPERATIONS

if TYPE_CHECKING:
    import httpx
    from tests.sandbox.play import Play

FORM = "application/x-www-form-urlencoded"


async def post(play: Play, path: str, body: str, key: str | None = "k") -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": FORM}
    if key is not None:
        headers["Idempotency-Key"] = key
    return await play.http.post(path, content=body, headers=headers)


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error.get("code")


async def test_the_first_answer_comes_again(play: Play) -> None:
    first = await post(play, "/v1/products", "name=T&metadata[a]=b")
    again = await post(play, "/v1/products", "metadata[a]=b&name=T")
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == "k"
    # The answer as it was then, whatever has become of the product.
    await post(play, f"/v1/products/{first.json()['id']}", "name=U", None)
    assert (await post(play, "/v1/products", "name=T&metadata[a]=b")).json()["name"] == "T"
    assert len((await play.api.products.list_async()).data) == 1
    assert first.headers["request-id"] != again.headers["request-id"]


async def test_another_request_with_the_same_key(play: Play) -> None:
    await post(play, "/v1/products", "name=T")
    other = await post(play, "/v1/products", "name=U")
    assert refusal(other) == (400, "idempotency_error", None)
    assert "same parameters" in other.json()["error"]["message"]
    elsewhere = await post(play, "/v1/customers", "name=T")
    assert refusal(elsewhere) == (400, "idempotency_error", None)
    assert "/v1/products" in elsewhere.json()["error"]["message"]


async def test_while_the_first_runs(play: Play) -> None:
    await play.faults(apiLatencyMs=100)
    answers = await asyncio.gather(*(post(play, "/v1/products", "name=T") for _ in range(3)))
    late = [answer for answer in answers if answer.status_code == 409]
    assert len(late) == 2
    assert refusal(late[0]) == (409, "idempotency_error", "idempotency_key_in_use")
    assert late[0].headers["stripe-should-retry"] == "true"
    await play.faults()
    assert (await post(play, "/v1/products", "name=T")).headers["idempotent-replayed"] == "true"


async def test_keys_have_a_length(play: Play) -> None:
    assert (await post(play, "/v1/products", "name=T", "k" * 255)).status_code == 200
    assert refusal(await post(play, "/v1/products", "name=T", "k" * 256))[0] == 400
    # An empty key is none.
    both = [(await post(play, "/v1/products", "name=T", "")).json()["id"] for _ in range(2)]
    assert both[0] != both[1]


async def test_reading_and_deleting_need_no_key(play: Play) -> None:
    product = (await post(play, "/v1/products", "name=T", None)).json()["id"]
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k"}
    for name in ("T", "U"):
        await post(play, f"/v1/products/{product}", f"name={name}", None)
        read = await play.http.get(f"/v1/products/{product}", headers=headers)
        assert (read.json()["name"], "idempotent-replayed" in read.headers) == (name, False)
    assert (await play.http.delete(f"/v1/products/{product}", headers=headers)).status_code == 200
    assert (await play.http.delete(f"/v1/products/{product}", headers=headers)).status_code == 404


@pytest.mark.parametrize("wrong", ["colour=red", "", "name=T&active=x", "name=T&tax_details[x]=1"])
async def test_what_is_refused_is_not_remembered(play: Play, wrong: str) -> None:
    assert (await post(play, "/v1/products", wrong)).status_code == 400
    right = await post(play, "/v1/products", "name=T")
    assert (right.status_code, "idempotent-replayed" in right.headers) == (200, False)


async def test_declines_are_remembered(play: Play) -> None:
    body = "amount=500&currency=usd&payment_method=pm_card_visa_chargeDeclined&confirm=true"
    first, again = [await post(play, "/v1/payment_intents", body) for _ in range(2)]
    assert first.status_code == again.status_code == 402
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json()["error"]["payment_intent"]["id"] == again.json()["error"]["payment_intent"]["id"]
    assert len((await play.api.payment_intents.list_async()).data) == 1


async def test_failures_of_the_sandbox_are_remembered(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("on purpose")

    name = "POST /v1/products"
    with monkeypatch.context() as patch:
        patch.setitem(OPERATIONS, name, fail)
        assert refusal(await post(play, "/v1/products", "name=T"))[:2] == (500, "api_error")
    again = await post(play, "/v1/products", "name=T")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (500, "true")
    assert (await post(play, "/v1/products", "name=T", "other")).status_code == 200


async def test_faults_strike_before_anything_is_remembered(play: Play) -> None:
    await play.faults(apiErrors=1, seed=1)
    assert (await post(play, "/v1/products", "name=T")).status_code in {429, 500}
    await play.faults()
    assert (await post(play, "/v1/products", "name=T")).status_code == 200


async def test_forgotten_after_a_day(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await post(play, "/v1/products", "name=T")
    real = time.time
    # Of real time: turning the sandbox's clock changes nothing.
    await play.advance(2 * 24 * 3600)
    assert (await post(play, "/v1/products", "name=T")).json()["id"] == first.json()["id"]
    monkeypatch.setattr(time, "time", lambda: real() + 24 * 3600 + 1)
    assert (await post(play, "/v1/products", "name=T")).json()["id"] != first.json()["id"]
