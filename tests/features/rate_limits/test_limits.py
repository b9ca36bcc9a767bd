"""How often somebody may ask, and how every answer says so (contract, section 1)."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.factories.accounts import make_api_key
from tests.features.rate_limits.conftest import StartNode
from tests.support.contexts import make_context, make_settings
from tests.support.face import Face, assert_error

from licet.db.pool import Pool
from licet.http.rate_limits.limiter import Limiter
from licet.http.rate_limits.rules import UNLIMITED_PATHS, limits_of
from licet.kit.times import wall_now

MIB = 1024 * 1024


def limiter_in(face: Face) -> Limiter:
    found = next(one.kwargs["limiter"] for one in face.app.user_middleware if "limiter" in one.kwargs)
    assert isinstance(found, Limiter)
    return found


def left(answer: httpx.Response) -> tuple[int, int]:
    """What an answer says is allowed, and what is left of it."""
    assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 62
    return int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])


async def use_up(face: Face, key: str | None, path: str = "/api/orders") -> httpx.Response:
    """Asks until it is refused; the refusal."""
    for _ in range(20):
        answer = await face.call("GET", path, key=key)
        if answer.status_code == 429:
            return answer
    raise AssertionError("nothing was refused")


def test_what_is_allowed_unless_somebody_says_otherwise() -> None:
    allowed = {rule: limit.amount for rule, limit in limits_of(make_settings(rate_limits="on")).items()}
    assert allowed == {"general": 60, "payment": 1000, "validation": 30, "activation": 10, "process": 10}


async def test_a_key_may_ask_so_often_and_then_waits(node: Face) -> None:
    answers = [await node.get("/api/orders") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert [left(answer) for answer in answers] == [(4, 3), (4, 2), (4, 1), (4, 0), (4, 0)]
    body = assert_error(answers[-1], 429, "rate_limited")
    assert body["error"] == "Too Many Requests"
    wait = int(answers[-1].headers["retry-after"])
    assert 1 <= wait <= 60
    assert f"Try again in {wait} s" in body["message"]
    assert node.operator_key not in answers[-1].text
    # The window is the same one all the time: asking on does not make it longer.
    assert len({answer.headers["x-ratelimit-reset"] for answer in answers}) == 1


async def test_after_the_window_there_is_a_new_one(node: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await use_up(node, node.operator_key)
    later = wall_now() + timedelta(seconds=int(refused.headers["retry-after"]))
    monkeypatch.setattr("licet.http.rate_limits.memory.wall_now", lambda: later)
    assert (await node.get("/api/orders")).headers["x-ratelimit-remaining"] == "3"


async def test_keys_are_counted_apart_from_each_other_and_from_their_address(node: Face) -> None:
    other = await make_api_key(node.context, None)
    await use_up(node, "lic_test_" + "x" * 40)
    # Neither key is known to this process yet, and strangers have no better.
    assert_error(await node.get("/api/orders"), 429, "rate_limited")

    limiter_in(node).counter.memory._windows.clear()
    await use_up(node, node.operator_key)
    assert left(await node.get("/api/orders", key=other)) == (4, 3)
    await use_up(node, None, "/api/products")
    # Once it is known, its address does not matter to it.
    assert left(await node.get("/api/orders", key=other)) == (4, 2)
    assert left(await node.get("/api/products", key=other)) == (4, 1)


async def test_a_key_that_turns_out_good_is_not_held_against_its_address(node: Face) -> None:
    for _ in range(8):
        assert (await node.get("/api/orders", key=await make_api_key(node.context, None))).status_code == 200
    assert left(await node.call("GET", "/api/products")) == (4, 3)


async def test_payments_may_come_more_often(node: Face) -> None:
    answers = [await node.get("/payment/plans") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert left(answers[0]) == (6, 5)
    assert left(await node.get("/api/orders")) == (4, 3)
    # Without a key it is an address like any other.
    assert left(await node.call("GET", "/payment/plans")) == (4, 3)


async def test_guessing_is_limited_however_many_guess_at_once(node: Face) -> None:
    guesses = [f"lic_test_{number:040}" for number in range(30)]
    answers = await asyncio.gather(*(node.call("GET", "/api/orders", key=guess) for guess in guesses))
    assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 26
    sent: tuple[Any, ...] = (
        [("Authorization", b"Basic abc")],
        [("X-API-Key", guesses[0].encode()), ("X-API-Key", guesses[1].encode())],
        [("X-API-Key", b"\xff\xfe")],
    )
    for headers in sent:
        assert_error(await node.client.get("/api/orders", headers=headers), 429, "rate_limited")


async def test_a_guess_leaves_nothing_in_memory(node: Face) -> None:
    for number in range(20):
        await node.call("GET", "/api/orders", key=f"lic_test_{number:040}")
    limiter = limiter_in(node)
    assert list(limiter.counter.memory._windows) == ["general:address:127.0.0.1:credentials"]
    assert limiter._known == {}


async def test_what_is_counted_by_is_no_secret(node: Face) -> None:
    await node.get("/api/orders")
    await node.call("GET", "/validate", params={"key": "SHOP-AAAA-BBBB-CCCC-DDDD"})
    limiter = limiter_in(node)
    kept = f"{limiter.counter.memory._windows} {limiter._known}"
    assert node.operator_key not in kept
    assert "SHOP-" not in kept


async def test_a_limited_caller_costs_no_query(node: Face) -> None:
    other = await make_api_key(node.context, None)
    assert (await node.get("/api/orders", key=other)).status_code == 200
    await use_up(node, node.operator_key)
    await use_up(node, "lic_test_" + "x" * 40)
    await use_up(node, None, "/api/products")
    asked: list[str] = []
    for holder in node.context.pool._holders:  # type: ignore[attr-defined]  # not in the stubs
        if holder._con is not None:
            holder._con.add_query_logger(lambda record: asked.append(record.query))
    for key in (node.operator_key, "lic_test_" + "x" * 40, "lic_test_" + "y" * 40, None):
        assert (await node.call("GET", "/api/products", key=key)).status_code == 429
        assert (await node.call("GET", "/api/orders", key=key)).status_code == 429
    assert asked == []
    assert (await node.get("/api/orders", key=other)).status_code == 200
    assert asked != []


async def test_a_key_that_was_revoked_is_a_stranger(node: Face) -> None:
    key = await make_api_key(node.context, None)
    await node.get("/api/orders", key=key)
    assert len(limiter_in(node)._known) == 1
    await node.context.pool.execute("UPDATE api_keys SET revoked_at = now()")
    assert_error(await node.get("/api/orders", key=key), 401, "unauthorized")
    assert limiter_in(node)._known == {}
    assert left(await node.get("/api/orders", key=key)) == (4, 3)


async def test_every_answer_says_how_the_limit_stands(start_node: StartNode) -> None:
    node = await start_node(rate_limit_per_minute=100)
    json = {"content-type": "application/json"}
    answers = {
        200: await node.get("/api/orders"),
        204: await node.client.options(
            "/api/licenses/validate", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        ),
        400: await node.post("/api/admin/accounts", content=b"{", headers=json),
        401: await node.call("GET", "/api/orders"),
        403: await node.client.options(
            "/api/licenses/validate", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
        ),
        404: await node.call("GET", "/nowhere"),
        405: await node.call("PUT", "/api/orders"),
        413: await node.post("/api/admin/accounts", content=b" " * (MIB + 1), headers=json),
        415: await node.post("/api/admin/accounts", content=b"{}"),
        422: await node.get("/api/orders?page=0"),
        429: await use_up(node, None, "/validate?key=a"),
        500: await node.call("GET", "/breaks"),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    for answer in answers.values():
        left(answer)
        assert answer.headers["x-request-id"]


async def test_the_receiver_of_events_and_the_health_checks_are_never_refused(node: Face) -> None:
    await use_up(node, None, "/api/products")
    for path in UNLIMITED_PATHS:
        for _ in range(6):
            method = "POST" if path.endswith("webhooks") else "GET"
            answer = await node.call(method, path, key="lic_test_" + "x" * 40)
            assert answer.status_code in (200, 401)
            assert left(answer) == (4, 4)


async def test_a_route_may_have_a_limit_of_its_own_by_address_and_license_key(node: Face) -> None:
    answers = [await node.call("GET", "/validate", params={"key": key}) for key in ("a", "a", "a", "b")]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    # The headers tell of the limit that is used up first.
    assert [left(answer) for answer in answers] == [(2, 1), (2, 0), (2, 0), (4, 0)]
    assert_error(await node.call("GET", "/validate", params={"key": "c"}), 429, "rate_limited")


async def test_limits_live_by_the_real_time(pool: Pool, start_node: StartNode) -> None:
    """Whatever the sandbox's clock was turned to."""
    node = await start_node()
    ahead = make_context(pool, now=lambda: wall_now() + timedelta(days=400), rate_limits="on")
    node.app.state.context = ahead
    left(await node.get("/api/orders"))
    assert int((await use_up(node, node.operator_key)).headers["retry-after"]) <= 60


async def test_off_for_load_tests(start_node: StartNode) -> None:
    node = await start_node(rate_limits="off")
    answers = [await node.get("/validate?key=a") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[0].headers


async def test_wrong_keys_use_up_nothing_of_those_who_send_none(node: Face) -> None:
    await use_up(node, "lic_test_" + "x" * 40)
    assert left(await node.call("GET", "/api/products")) == (4, 3)
    for headers in ({"Authorization": "Basic abc"}, {"X-API-Key": ""}):
        assert_error(await node.client.get("/api/products", headers=headers), 429, "rate_limited")
    assert left(await node.call("GET", "/api/products")) == (4, 2)


async def test_a_checkout_s_secret_is_counted_from_all_addresses_together(start_node: StartNode) -> None:
    node = await start_node(rate_limit_per_minute=100, rate_limit_process_per_minute=3, trusted_proxies="127.0.0.1")

    async def process(number: int, secret: str, method: str, path: str) -> int:
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        return (await node.client.request(method, path, params={"secret": secret}, headers=headers)).status_code

    api, page = ("POST", "/payment/subscription-process"), ("GET", "/payment/return")
    assert [await process(n, "one", *api) for n in range(5)] == [404, 404, 404, 429, 429]
    # The page of the same buyer counts with it, and another's secret counts by itself.
    assert await process(9, "one", *page) == 429
    assert [await process(n, "two", *page) for n in range(4)] == [404, 404, 404, 429]
    assert await process(0, "three", *api) == 404
