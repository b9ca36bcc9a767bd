"""The buyer comes back from paying: by the session's id or our own token, before the event, after it, and at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from tests.support.browser import open_page
from tests.support.face import assert_error, fields_of
from tests.support.organization import Organization, make_organization
from tests.support.shop import Shop, open_shop
from tests.support.stripe_proxy import Answer, stripe_error

NULLS = {"subscriptionId": None, "productId": None, "priceId": None}


@pytest_asyncio.fixture
async def acme(shop: Shop) -> Organization:
    return await make_organization(shop)


@pytest_asyncio.fixture
async def deaf(database: str) -> AsyncIterator[Organization]:
    """An organisation of a Licet that no event reaches."""
    async with open_shop(database, with_webhooks=False) as opened:
        yield await make_organization(opened)


async def process(acme: Organization, secret: str) -> httpx.Response:
    return await acme.shop.client.post(f"{acme.shop.url}/payment/subscription-process", params={"secret": secret})


async def processed(acme: Organization, secret: str) -> dict[str, Any]:
    answer = await process(acme, secret)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def token_of(acme: Organization, session: str) -> str:
    """What stands in the address of ours that Stripe sends the buyer to."""
    at_stripe = await acme.shop.context.stripe.retrieve("checkout.session", session)
    assert at_stripe is not None
    address = urlsplit(at_stripe["success_url"])
    assert f"{address.scheme}://{address.netloc}" == acme.shop.url
    (token,) = parse_qs(address.query)["secret"]
    return str(token)


async def test_before_any_event(deaf: Organization) -> None:
    session = await deaf.session("Starter")
    assert await processed(deaf, session) == {"status": "pending", "organizationId": deaf.id, **NULLS}
    await deaf.shop.pay(session)
    found = await processed(deaf, session)
    (subscription,) = await deaf.subscriptions()
    assert found == {
        "status": "processed",
        "organizationId": deaf.id,
        "subscriptionId": subscription["id"],
        **await deaf.plan("Starter"),
    }
    assert (await deaf.info())["subscriptionStatus"] == "active"
    assert "1 shop" in await deaf.features()
    # The same answer again, with nothing asked.
    asked = len(deaf.shop.between.seen)
    assert await processed(deaf, session) == found
    assert await processed(deaf, await token_of(deaf, session)) == found
    assert len(deaf.shop.between.seen) == asked + 1  # the token's own lookup, by the test


async def test_at_the_same_time_as_the_event_and_twenty_others(acme: Organization) -> None:
    session = await acme.session("Starter")
    token = await token_of(acme, session)
    paying = asyncio.create_task(acme.shop.pay(session))
    early = await asyncio.gather(*(processed(acme, secret) for secret in (session, token) * 10))
    assert {one["status"] for one in early} <= {"pending", "processed"}
    await paying
    late = await asyncio.gather(*(processed(acme, secret) for secret in (session, token) * 10))
    assert {one["status"] for one in late} == {"processed"}
    await acme.shop.settle()
    pool = acme.shop.context.pool
    assert await pool.fetchval("SELECT count(*) FROM subscriptions") == 1
    assert await pool.fetchval("SELECT count(*) FROM orders WHERE status = 'paid'") == 1
    assert len(await acme.shop.emails("welcome")) == 1


async def test_a_license_is_processed_too(deaf: Organization) -> None:
    shop = deaf.shop
    session = await shop.checkout(deaf.id, "Data Migrator")
    await shop.pay(session)
    found = await processed(deaf, session)
    assert (found["status"], found["subscriptionId"]) == ("processed", None)
    assert [one["status"] for one in await shop.licenses(deaf.id)] == ["active"]


async def test_expired(acme: Organization) -> None:
    session = await acme.session("Starter")
    token = await token_of(acme, session)
    await acme.shop.turn(hours=25)
    expected = {"status": "expired", "organizationId": acme.id, **NULLS}
    assert await processed(acme, session) == expected
    assert await processed(acme, token) == expected
    # The token ends a day after the session; the session's own id is Stripe's.
    await acme.shop.turn(hours=24)
    assert_error(await process(acme, token), 404, "checkout_not_found")
    assert await processed(acme, session) == expected


async def test_used_again_much_later(acme: Organization) -> None:
    session = await acme.subscribe("Starter")
    found = await processed(acme, session)
    await acme.done("subscription-cancel", immediately=True)
    assert await processed(acme, session) == found


async def test_a_second_plan_was_undone(acme: Organization) -> None:
    sessions = [await acme.session("Starter") for _ in range(2)]
    for session in sessions:
        await acme.shop.pay(session)
    for _ in range(3):
        await acme.shop.turn(seconds=10)
    assert [(await processed(acme, session))["status"] for session in sessions] == ["processed", "failed"]


@pytest.mark.parametrize("secret", ["cs_test_nobody", "x", "é\u2028", "a" * 255])
async def test_forged(acme: Organization, secret: str) -> None:
    asked = len(acme.shop.between.seen)
    assert_error(await process(acme, secret), 404, "checkout_not_found")
    assert len(acme.shop.between.seen) == asked


async def test_missing(acme: Organization) -> None:
    assert fields_of(await acme.shop.client.post(f"{acme.shop.url}/payment/subscription-process")) == ["secret"]
    assert fields_of(await process(acme, "")) == ["secret"]
    assert fields_of(await process(acme, "a" * 256)) == ["secret"]


async def test_a_session_that_we_did_not_make(acme: Organization) -> None:
    plan = await acme.plan("Starter")
    made = await acme.shop.context.stripe.create(
        "checkout.session",
        {
            "mode": "subscription",
            "line_items": [{"price": plan["priceId"], "quantity": 1}],
            "client_reference_id": acme.id,
            "success_url": "https://shop.example/",
        },
    )
    await acme.shop.pay(made["id"])
    await acme.shop.settle()
    assert_error(await process(acme, made["id"]), 404, "checkout_not_found")
    assert await acme.features() == []


async def test_stripe_away(deaf: Organization) -> None:
    session = await deaf.session("Starter")
    token = await token_of(deaf, session)
    deaf.shop.between.everything = Answer(500, stripe_error(), {"stripe-should-retry": "false"})
    assert_error(await process(deaf, session), 503, "stripe_unavailable")
    page = await deaf.shop.client.get(f"{deaf.shop.url}/payment/return", params={"secret": token})
    assert (page.status_code, "Payment in progress" in page.text) == (200, True)
    deaf.shop.between.everything = None
    await deaf.shop.pay(session)
    assert (await processed(deaf, session))["status"] == "processed"


async def test_ten_a_minute_for_each_secret(database: str) -> None:
    async with open_shop(database, with_webhooks=False, rate_limits="on", rate_limit_per_minute=1000) as shop:
        acme = await make_organization(shop)
        session, other = await acme.session("Starter"), await acme.session("Starter")
        statuses = [(await process(acme, session)).status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]
        assert (await process(acme, other)).status_code == 200


async def test_the_page_that_buyers_come_back_to(acme: Organization) -> None:
    shop = acme.shop
    url = (await acme.done("subscription-checkout", **await acme.plan("Starter")))["url"]
    async with open_page() as page:
        await page.goto(url)
        await page.get_by_label("Card number").fill("4242 4242 4242 4242")
        await page.get_by_label("Expiry (MM / YY)").fill("12 / 34")
        await page.get_by_label("CVC").fill("123")
        await page.get_by_role("button", name="Subscribe").click()
        await page.wait_for_url(f"{shop.url}/payment/return?*")
        assert await page.get_by_role("heading", name="Thank you").is_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert (await acme.info())["subscriptionStatus"] == "active"
    for path, says in (
        ("return?secret=x", "Page not found"),
        ("cancelled", "You were not charged"),
        ("closed", "saved"),
    ):
        answer = await shop.client.get(f"{shop.url}/payment/{path}")
        assert says in answer.text
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_where_the_caller_s_own_application_is(database: str) -> None:
    async with open_shop(database, app_url="https://app.example", redirect_hosts=("app.example",)) as shop:
        acme = await make_organization(shop)
        session = await shop.context.stripe.retrieve("checkout.session", await acme.session("Starter"))
        assert session is not None
        # Pages of ours need no leave.
        assert session["success_url"].startswith(f"{shop.url}/payment/return?secret=")
        assert session["cancel_url"] == "https://app.example"
        await shop.pay(session["id"])
        page = await shop.client.get(session["success_url"])
        assert '<a href="https://app.example">Continue</a>' in page.text
        assert set(await acme.done("customer-portal")) == {"url"}
        await acme.done("subscription-cancel", immediately=True)
        plan = await acme.plan("Starter")
        for field in ("successUrl", "cancelUrl"):
            error = assert_error(
                await acme.ask("subscription-checkout", **plan, **{field: "https://else.example"}),
                422,
                "invalid_redirect_url",
            )
            assert error["details"] == {"field": field}
        own = await acme.session("Starter", successUrl="https://app.example/ok?id={CHECKOUT_SESSION_ID}")
        paid = await shop.pay(own)
        assert paid.json()["redirectTo"] == f"https://app.example/ok?id={own}"


async def test_no_secret_is_kept(acme: Organization) -> None:
    session = await acme.session("Starter")
    token = await token_of(acme, session)
    pool = acme.shop.context.pool
    tables = await pool.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    for row in tables:
        rows = await pool.fetch(f"SELECT t::text AS line FROM {row['table_name']} AS t")
        assert not [one for one in rows if token in one["line"]], row["table_name"]
