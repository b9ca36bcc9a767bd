"""Several nodes count in one Redis; while it is away each counts for itself, and nobody is turned away for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.features.rate_limits.conftest import StartNode
from tests.features.rate_limits.test_limits import left, limiter_in, use_up
from tests.support.face import Face, assert_error
from tests.support.redis import RedisServer, redis_server

from licet.http.rate_limits.redis import RedisWindows


@pytest_asyncio.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


def failures(node: Face) -> int:
    found = limiter_in(node).counter.redis
    assert found is not None
    return found.failures


async def test_two_nodes_count_together(redis: RedisServer, start_node: StartNode) -> None:
    one, two = await start_node(redis_url=redis.url), await start_node(redis_url=redis.url)
    answers = [await node.get("/api/orders", key=one.operator_key) for node in (one, two, two, one, two, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
    assert [left(answer)[1] for answer in answers] == [3, 2, 1, 0, 0, 0]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    assert (failures(one), failures(two)) == (0, 0)
    assert len(limiter_in(one).counter.memory) == len(limiter_in(two).counter.memory) == 0


async def test_strangers_are_counted_together_too(redis: RedisServer, start_node: StartNode) -> None:
    one, two = await start_node(redis_url=redis.url), await start_node(redis_url=redis.url)
    for number in range(4):
        node = (one, two)[number % 2]
        assert_error(await node.call("GET", "/api/orders", key=f"lic_test_{number:040}"), 401, "unauthorized")
    assert_error(await one.call("GET", "/api/products", key=f"lic_test_{5:040}"), 429, "rate_limited")
    assert_error(await two.call("GET", "/api/products", key=f"lic_test_{6:040}"), 429, "rate_limited")
    # Requests without a key have a count of their own, in which they too are counted together.
    assert [left(await node.call("GET", "/api/products"))[1] for node in (one, two)] == [3, 2]


async def test_what_stands_in_redis_is_no_secret_and_ends_by_itself(redis: RedisServer, start_node: StartNode) -> None:
    node = await start_node(redis_url=redis.url)
    await node.get("/api/orders")
    await node.call("GET", "/validate", params={"key": "SHOP-AAAA-BBBB-CCCC-DDDD"})
    keys = [line for line in (await redis.command("KEYS *")).split() if line.startswith("licet:")]
    assert len(keys) == 4
    assert not [key for key in keys if node.operator_key in key or "SHOP-" in key]
    for key in keys:
        assert 0 < int((await redis.command(f"TTL {key}")).strip().removeprefix(":")) <= 60


async def test_a_redis_that_is_not_there_turns_nobody_away(
    tmp_path: Path, start_node: StartNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await start_node(redis_url=f"unix://:hidden@{tmp_path}/nobody.sock")
    answers = [await node.get("/api/orders") for _ in range(5)]
    # The limit holds all the same, for this node.
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert failures(node) == 1, "it is asked again only after a while"
    said = [line for line in capsys.readouterr().out.splitlines() if "redis_unreachable_counting_in_memory" in line]
    assert len(said) == 1
    assert "hidden" not in said[0]


async def test_a_redis_that_goes_and_comes_back(
    redis: RedisServer, start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await start_node(redis_url=redis.url)
    monkeypatch.setattr("licet.http.rate_limits.redis.REDIS_RETRY_SECONDS", 0.0)
    assert left(await node.get("/api/orders")) == (4, 3)
    await redis.stop()
    assert left(await node.get("/api/orders")) == (4, 3), "counted here now"
    assert failures(node) >= 1
    await redis.start()
    before = failures(node)
    assert left(await node.get("/api/orders")) == (4, 3), "counted there again, where nothing was kept"
    assert left(await node.get("/api/orders")) == (4, 2)
    assert failures(node) == before


async def test_a_redis_that_never_answers_costs_one_request_its_patience(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("licet.http.rate_limits.redis.REDIS_TIMEOUT_SECONDS", 0.25)
    connections = 0
    over = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await over.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        node = await start_node(redis_url=f"valkey://127.0.0.1:{port}/0")
        assert (await node.get("/api/orders")).status_code == 200
        assert (await use_up(node, node.operator_key)).status_code == 429
        assert (failures(node), connections) == (1, 1)
        over.set()


@pytest.mark.parametrize(
    ("url", "secure"),
    [("redis://h:1", False), ("rediss://h:1", True), ("valkey://h:1", False), ("valkeys://h:1", True)],
)
async def test_both_names_of_the_protocol(url: str, secure: bool) -> None:
    made = RedisWindows(url)
    assert (made._pool.connection_kwargs["host"], made._pool.connection_kwargs["port"]) == ("h", 1)
    assert ("SSL" in made._pool.connection_class.__name__) == secure
    await made.close()
