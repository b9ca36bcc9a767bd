"""Checkouts under a key: Stripe has one session, we have one row, whatever was lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from tests.factories.accounts import make_api_key
from tests.support.face import assert_error
from tests.support.keyed import assert_replayed, post
from tests.support.selling import Selling, catalog_of, open_selling, price, product
from tests.support.shop import eventually
from tests.support.stripe_proxy import Answer, stripe_error

from licet.db.pool import Pool

PATH = "/api/billing/checkout"
SESSIONS = ("POST", "/v1/checkout/sessions")
AT_ONCE = {"stripe-should-retry": "false"}


@pytest_asyncio.fixture
async def shop(pool: Pool) -> AsyncIterator[Selling]:
    async with open_selling(pool) as opened:
        addon = product("addon", price(500), prefix="ADD")
        await opened.sell(catalog_of(addon, product("growth", price(9900), kind="plan")))
        yield opened


async def checkout(
    shop: Selling, idempotency_key: str = "k", items: Any = (("addon", 1),), **more: Any
) -> httpx.Response:
    return await post(shop.face, PATH, idempotency_key, shop.body(items, **more), key=shop.key)


async def made_at_stripe(shop: Selling) -> list[str]:
    return [session["id"] async for session in shop.stripe.list_all("checkout.session")]


async def written(shop: Selling) -> list[str]:
    return [row[0] for row in await shop.pool.fetch("SELECT stripe_session_id FROM checkout_sessions")]


async def test_one_session_for_one_key(shop: Selling) -> None:
    first = await checkout(shop)
    assert first.status_code == 201
    assert_replayed(await checkout(shop), first)
    assert await made_at_stripe(shop) == await written(shop) == [first.json()["sessionId"]]
    kept = await shop.pool.fetchrow("SELECT account_id, made_id FROM idempotency_keys")
    assert kept is not None
    assert kept["account_id"] == shop.account_id
    assert kept["made_id"] == await shop.pool.fetchval("SELECT order_id FROM checkout_sessions")
    other = await checkout(shop, "k2")
    assert other.json()["sessionId"] != first.json()["sessionId"]
    assert_error(await checkout(shop, "k", items=[("addon", 2)]), 422, "idempotency_key_reused")


async def test_while_the_first_is_under_way(shop: Selling) -> None:
    async with shop.pool.acquire() as conn, conn.transaction():
        # Stripe makes the session, and what we write waits for us.
        await conn.execute("LOCK TABLE checkout_sessions IN EXCLUSIVE MODE")
        running = asyncio.create_task(checkout(shop))
        await eventually(lambda: has_one_session(shop))
        assert_error(await checkout(shop), 409, "idempotency_in_progress")
        assert_error(await checkout(shop, items=[("addon", 2)]), 422, "idempotency_key_reused")
        # Under another key it is another purchase, which waits for nobody but the lock.
        other = asyncio.create_task(checkout(shop, "k2"))
    first, second = await asyncio.gather(running, other)
    assert (first.status_code, second.status_code) == (201, 201)
    assert_replayed(await checkout(shop), first)
    assert sorted(await written(shop)) == sorted(await made_at_stripe(shop))
    assert len(await written(shop)) == 2


async def has_one_session(shop: Selling) -> bool:
    return len(await made_at_stripe(shop)) == 1


async def test_stripe_down_and_up_again(shop: Selling) -> None:
    for said in (
        Answer(503, stripe_error(), AT_ONCE),
        Answer(429, stripe_error(), {"retry-after": "30"}),
        Answer(400),
    ):
        shop.between.always[SESSIONS] = said
        answer = await checkout(shop)
        assert answer.status_code in (502, 503)
        assert "idempotent-replayed" not in answer.headers
    del shop.between.always[SESSIONS]
    first = await checkout(shop)
    assert first.status_code == 201
    assert_replayed(await checkout(shop), first)
    assert await made_at_stripe(shop) == [first.json()["sessionId"]]


async def test_a_session_whose_making_was_not_heard_of(shop: Selling) -> None:
    assert (await shop.checkout([("addon", 1)])).status_code == 201
    shop.between.loses_next_write = True
    assert_error(await checkout(shop), 503, "stripe_unavailable")
    assert len(await made_at_stripe(shop)) == 2
    answer = await checkout(shop)
    assert answer.status_code == 201
    assert sorted(await made_at_stripe(shop)) == sorted(await written(shop))
    assert answer.json()["sessionId"] in await written(shop)


async def test_stripe_keeps_a_failure_under_our_key(shop: Selling) -> None:
    kept = Answer(500, stripe_error("Oops."), {**AT_ONCE, "idempotent-replayed": "true"})
    shop.between.script[SESSIONS] = [kept]
    assert (await checkout(shop)).status_code == 201
    assert len(await made_at_stripe(shop)) == 1


async def test_what_has_changed_since_is_another_session(shop: Selling) -> None:
    """The first was made and never heard of; Stripe would refuse its key for the new price."""
    assert (await shop.checkout([("addon", 1)])).status_code == 201
    body = shop.body([("addon", 1)])
    shop.between.loses_next_write = True
    assert_error(await post(shop.face, PATH, "k", body, key=shop.key), 503, "stripe_unavailable")
    await shop.sell(catalog_of(product("addon", price(700), prefix="ADD")))
    answer = await post(shop.face, PATH, "k", body, key=shop.key)
    assert answer.status_code == 201, answer.text
    session = await shop.stripe.retrieve("checkout.session", answer.json()["sessionId"])
    assert session is not None
    assert session["amount_total"] == 700
    assert answer.json()["sessionId"] in await written(shop)


async def test_a_declined_card_and_a_wrong_cart_stay_so(shop: Selling) -> None:
    declined = stripe_error("Declined.", code="card_declined", decline_code="generic_decline")
    declined["error"]["type"] = "card_error"
    shop.between.script[SESSIONS] = [Answer(402, declined)]
    first = await checkout(shop)
    assert_error(first, 402, "card_declined")
    assert_replayed(await checkout(shop), first)
    empty = await checkout(shop, "k2", items=[])
    assert_error(empty, 422, "empty_cart")
    assert_replayed(await checkout(shop, "k2", items=[]), empty)
    assert await made_at_stripe(shop) == []


async def test_a_key_is_of_the_account_that_is_acted_for(shop: Selling) -> None:
    other = await shop.make_account()
    body = shop.body([("addon", 1)])
    answers = [await post(shop.face, f"{PATH}?accountId={account}", "k", body) for account in (shop.account_id, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    keys = (shop.key, await make_api_key(shop.face.context, other))
    own = [await post(shop.face, PATH, "k", body, key=key) for key in keys]
    assert [answer.status_code for answer in own] == [201, 201]
    assert len({answer.json()["sessionId"] for answer in (*answers, *own)}) == 4
    for account, first in zip((shop.account_id, other), answers, strict=True):
        assert_replayed(await post(shop.face, f"{PATH}?accountId={account}", "k", body), first)
    rows = await shop.pool.fetch("SELECT account_id FROM idempotency_keys")
    assert sorted(row[0] for row in rows) == sorted([shop.account_id, shop.account_id, other, other])


async def test_a_purchase_under_a_key_is_one_purchase(shop: Selling) -> None:
    first = await checkout(shop, items=[("growth", 1)])
    await shop.pay(first.json()["sessionId"])
    await shop.had_subscription("growth", status="active")
    # It would be refused by now, and was not when it was asked for.
    assert_replayed(await checkout(shop, items=[("growth", 1)]), first)
    assert_error(await checkout(shop, "k2", items=[("growth", 1)]), 409, "already_subscribed")
