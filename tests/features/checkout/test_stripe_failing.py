"""Starting a purchase while Stripe refuses, is slow or not there: the documented error, and nothing half-written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from functools import partial

import pytest
import pytest_asyncio
from tests.support.face import assert_error
from tests.support.patience import PATIENCE_SECONDS
from tests.support.selling import Selling, catalog_of, open_selling, price, product
from tests.support.stripe_proxy import NEVER, Answer, set_stripe_timeout, short_stripe_timeout, stripe_error

from licet.db.pool import Pool

SESSIONS = ("POST", "/v1/checkout/sessions")
CUSTOMERS = ("POST", "/v1/customers")
DECLINED = stripe_error("Your card was declined.", code="card_declined", decline_code="generic_decline")
DECLINED["error"]["type"] = "card_error"
AT_ONCE = {"stripe-should-retry": "false"}
"""Not tried again, so that the test is quick; that it is tried again otherwise, the client's own tests show."""
CART = [("addon", 1)]


@pytest_asyncio.fixture
async def shop(pool: Pool) -> AsyncIterator[Selling]:
    """A shop that sells one product."""
    async with open_selling(pool) as opened:
        await opened.sell(catalog_of(product("addon", price(500), prefix="ADD")))
        yield opened


async def assert_unwritten(shop: Selling) -> None:
    for table in ("checkout_sessions", "checkout_lines", "orders"):
        assert await shop.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (Answer(402, DECLINED), 402, "card_declined"),
        (Answer(400, stripe_error("Something is odd.")), 502, "stripe_error"),
        (Answer(401, stripe_error("Invalid API Key provided")), 502, "stripe_error"),
        (Answer(429, stripe_error("Slow down."), {"retry-after": "30"}), 503, "stripe_unavailable"),
        (Answer(500, stripe_error("Oops.")), 503, "stripe_unavailable"),
        (Answer(502, "<html>Bad gateway</html>", AT_ONCE), 503, "stripe_unavailable"),
        (Answer(200, "<html>Login to the hotel's network</html>", AT_ONCE), 503, "stripe_unavailable"),
        (Answer(200, {}, seconds=NEVER), 503, "stripe_unavailable"),
    ],
    ids=["402", "400", "401", "429", "500", "502", "not-stripe", "nothing"],
)
async def test_each_failure_is_said_and_nothing_is_written(shop: Selling, said: Answer, status: int, code: str) -> None:
    shop.between.always[SESSIONS] = said
    with short_stripe_timeout(shop.stripe) if said.seconds == NEVER else nullcontext():
        answer = await shop.checkout(CART)
    details = assert_error(answer, status, code)["details"]
    assert ("retry-after" in answer.headers) == (status == 503)
    if status == 402:
        assert details["declineCode"] == "generic_decline"
    await assert_unwritten(shop)
    del shop.between.always[SESSIONS]
    assert (await shop.checkout(CART)).status_code == 201


async def test_a_failure_that_passes_is_not_even_noticed(shop: Selling) -> None:
    """Refused for its rate, failed, and not answered: only the third try waits no longer than a second."""
    hurried, patient = (
        partial(set_stripe_timeout, shop.stripe, 1),
        partial(set_stripe_timeout, shop.stripe, PATIENCE_SECONDS),
    )
    shop.between.script[SESSIONS] = [
        Answer(429, stripe_error()),
        Answer(500, stripe_error(), then=hurried),
        Answer(200, {}, seconds=NEVER, then=patient),
    ]
    assert (await shop.checkout(CART)).status_code == 201
    assert [one.path for one in shop.between.seen].count(SESSIONS[1]) == 4
    assert len([one async for one in shop.stripe.list_all("checkout.session")]) == 1


async def test_a_customer_that_cannot_be_made(shop: Selling) -> None:
    shop.between.always[CUSTOMERS] = Answer(503, stripe_error(), {"stripe-should-retry": "false"})
    assert_error(await shop.checkout(CART), 503, "stripe_unavailable")
    assert await shop.customer_of_account() is None
    await assert_unwritten(shop)
    del shop.between.always[CUSTOMERS]
    assert (await shop.checkout(CART)).status_code == 201


async def test_a_customer_whose_making_was_not_heard_of(shop: Selling) -> None:
    shop.between.loses_next_write = True
    assert_error(await shop.checkout(CART), 503, "stripe_unavailable")
    assert (await shop.checkout(CART)).status_code == 201
    (customer,) = [one["id"] async for one in shop.stripe.list_all("customer")]
    assert await shop.customer_of_account() == customer


async def test_an_address_that_stripe_does_not_take(shop: Selling) -> None:
    assert (await shop.checkout(CART)).status_code == 201
    customer = await shop.customer_of_account()
    # As it is for one that was made, and not told of its account yet.
    await shop.stripe.update("customer", customer, {"email": "", "name": ""})
    await shop.pool.execute("UPDATE customers SET email = NULL, name = NULL")
    refusal = stripe_error("Invalid email address: ada@localhost", code="email_invalid", param="email")
    shop.between.script["POST", f"/v1/customers/{customer}"] = [Answer(400, refusal)]
    assert (await shop.checkout(CART)).status_code == 201
    told = await shop.stripe.retrieve("customer", customer)
    assert told is not None
    assert (told["email"], told["name"]) == (None, "Ada Lovelace")


async def test_the_sandboxs_own_faults(shop: Selling) -> None:
    await shop.face.client.post(f"{shop.sandbox_url}/_sandbox/faults", json={"apiErrors": 0.3, "seed": 7})
    answers = await asyncio.gather(*(shop.checkout(CART) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    made = [answer.json()["sessionId"] for answer in answers if answer.status_code == 201]
    assert made
    kept = [row[0] for row in await shop.pool.fetch("SELECT stripe_session_id FROM checkout_sessions")]
    assert sorted(kept) == sorted(made)
    await shop.face.client.post(f"{shop.sandbox_url}/_sandbox/faults", json={})
    assert len([one async for one in shop.stripe.list_all("customer")]) == 1


async def test_promotion_codes_where_stripe_knows_none(shop: Selling) -> None:
    shop.between.script["GET", "/v1/promotion_codes"] = [Answer(200, {"object": "list", "data": [], "has_more": False})]
    answer = await shop.checkout(CART, promotionCode="SPRING")
    assert assert_error(answer, 422, "invalid_promotion_code")["details"] == {"field": "promotionCode"}


async def test_promotion_codes_that_hold_for_this_customer(shop: Selling) -> None:
    assert (await shop.checkout(CART)).status_code == 201
    found = {"object": "promotion_code", "code": "SPRING", "active": True}
    codes = [
        {**found, "id": "promo_other", "customer": "cus_other"},
        {**found, "id": "promo_mine", "customer": await shop.customer_of_account()},
    ]
    shop.between.script["GET", "/v1/promotion_codes"] = [
        Answer(200, {"object": "list", "data": codes, "has_more": False})
    ]
    refusal = stripe_error("This code needs a larger purchase.", param="discounts[0][promotion_code]")
    shop.between.script[SESSIONS] = [Answer(400, refusal)]
    assert_error(await shop.checkout(CART, promotionCode="SPRING"), 422, "invalid_promotion_code")
    assert "discounts[0][promotion_code]=promo_mine" in shop.between.seen[-1].body
