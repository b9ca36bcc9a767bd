"""Twenty callers with one key, on two nodes over one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest_asyncio
from tests.factories.accounts import make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error
from tests.support.keyed import ACCOUNTS, API_KEYS, account, assert_replayed, count, post
from tests.support.selling import catalog_of, open_selling, price, product
from tests.support.serving import serve
from tests.support.shop import eventually

from licet.app import create_app
from licet.db.pool import Pool, open_pool

CALLERS = 20


@pytest_asyncio.fixture
async def nodes(database: str, pool: Pool) -> AsyncIterator[list[Face]]:
    """Two of them, each with connections of its own."""
    async with AsyncExitStack() as stack:
        other = await open_pool(database, max_size=5)
        stack.push_async_callback(other.close)
        first = make_context(pool)
        key = await make_api_key(first, None)
        faces = []
        for context in (first, replace(first, pool=other)):
            app = create_app(context)
            url = await stack.enter_async_context(serve(app))
            client = await stack.enter_async_context(open_client(base_url=url))
            faces.append(Face(context, url, key, client, app))
        yield faces


async def test_one_account(nodes: list[Face]) -> None:
    answers = await asyncio.gather(*(post(nodes[n % 2], ACCOUNTS, "k", account()) for n in range(CALLERS)))
    made = [answer for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer not in made:
            assert_error(answer, 409, "idempotency_in_progress")
    assert len({answer.content for answer in made}) == 1
    assert len([answer for answer in made if "idempotent-replayed" not in answer.headers]) == 1
    assert await count(nodes[0].context.pool, "accounts") == 1
    for face in nodes:
        again = await post(face, ACCOUNTS, "k", account())
        assert (again.status_code, again.content) == (201, made[0].content)


async def test_one_api_key(nodes: list[Face]) -> None:
    body = {"name": "ops", "scopes": ["admin"]}
    answers = await asyncio.gather(*(post(nodes[n % 2], API_KEYS, "k", body) for n in range(CALLERS)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (CALLERS - 1)
    assert await count(nodes[0].context.pool, "api_keys") == 2


async def test_while_the_first_is_held(nodes: list[Face]) -> None:
    pool = nodes[0].context.pool
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")
        running = asyncio.create_task(post(nodes[0], ACCOUNTS, "k", account()))
        await eventually(lambda: has_begun(pool))
        answers = await asyncio.gather(*(post(nodes[n % 2], ACCOUNTS, "k", account()) for n in range(4)))
        for answer in answers:
            assert_error(answer, 409, "idempotency_in_progress")
    first = await running
    assert first.status_code == 201
    assert_replayed(await post(nodes[1], ACCOUNTS, "k", account()), first)


async def test_two_that_both_believe_to_hold_it(nodes: list[Face]) -> None:
    """The first is slower than its lease: whoever commits first wins, and the other rolls back."""
    pool = nodes[0].context.pool
    async with pool.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE accounts IN EXCLUSIVE MODE")
        slow = asyncio.create_task(post(nodes[0], ACCOUNTS, "k", account()))
        await eventually(lambda: has_begun(pool))
        await pool.execute("UPDATE idempotency_keys SET leased_until = leased_until - interval '1 hour'")
        quick = asyncio.create_task(post(nodes[1], ACCOUNTS, "k", account()))
        await eventually(lambda: has_begun(pool, tries=2))
    answers = await asyncio.gather(slow, quick)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await count(pool, "accounts") == 1
    made = next(answer for answer in answers if answer.status_code == 201)
    assert_replayed(await post(nodes[0], ACCOUNTS, "k", account()), made)


async def has_begun(pool: Pool, tries: int = 1) -> bool:
    return await count(pool, f"idempotency_keys WHERE tries = {tries}") == 1


async def test_one_checkout_session(database: str, pool: Pool) -> None:
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_selling(pool))
        await shop.sell(catalog_of(product("addon", price(500), prefix="ADD")))
        other = await open_pool(database, max_size=5)
        stack.push_async_callback(other.close)
        app = create_app(replace(shop.face.context, pool=other))
        url = await stack.enter_async_context(serve(app))
        client = await stack.enter_async_context(open_client(base_url=url))
        nodes = [shop.face, replace(shop.face, url=url, client=client, app=app)]
        body, path = shop.body([("addon", 1)]), "/api/billing/checkout"
        answers = await asyncio.gather(*(post(nodes[n % 2], path, "k", body, key=shop.key) for n in range(CALLERS)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = {answer.content for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        (session,) = [one["id"] async for one in shop.stripe.list_all("checkout.session")]
        assert await pool.fetchval("SELECT stripe_session_id FROM checkout_sessions") == session
        assert (await post(nodes[1], path, "k", body, key=shop.key)).content in made
