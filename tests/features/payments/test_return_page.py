"""The page that a buyer returns to: it refreshes automatically, and its errors are HTML pages."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import expect
from tests.support.browser import open_page
from tests.support.face import assert_error
from tests.support.organization import make_organization
from tests.support.shop import Shop, open_shop


def title_of(answer: httpx.Response) -> str:
    """The page's title; it must be one of ours, and tell nobody its address."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    # As every answer.
    assert "x-request-id" in answer.headers
    return str(re.findall("<h1>(.*)</h1>", answer.text)[0])


def refresh_of(answer: httpx.Response) -> str | None:
    found = re.findall('<meta http-equiv="refresh" content="(.*)">', answer.text)
    return found[0] if found else None


async def address_of(shop: Shop, session: str) -> str:
    """Where Stripe sends the buyer."""
    at_stripe = await shop.context.stripe.retrieve("checkout.session", session)
    assert at_stripe is not None
    url: str = at_stripe["success_url"]
    return url


async def test_it_looks_again_until_the_payment_is_there(database: str) -> None:
    async with open_shop(database, with_webhooks=False, rate_limits="on", rate_limit_per_minute=1000) as shop:
        acme = await make_organization(shop)
        session = await acme.session("Starter")
        url = await address_of(shop, session)
        async with open_page(javascript=False) as page:
            await page.goto(url)
            await expect(page.get_by_role("heading", name="Payment in progress")).to_be_visible()
            await shop.pay(session)
            await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
            # It came there by itself, knows how often it has looked, and stays.
            assert parse_qs(urlsplit(page.url).query) == {**parse_qs(urlsplit(url).query), "looked": ["1"]}
            assert await page.locator('meta[http-equiv="refresh"]').count() == 0


async def test_too_often_is_told_in_words(database: str) -> None:
    limits: dict[str, Any] = {"rate_limits": "on", "rate_limit_per_minute": 1000, "rate_limit_process_per_minute": 3}
    async with open_shop(database, with_webhooks=False, **limits) as shop:
        acme = await make_organization(shop)
        url = await address_of(shop, await acme.session("Starter"))
        async with open_page() as page:
            for wait in ("3; url=?secret=", "30; url=?secret=", "30; url=?secret="):
                await page.goto(url)
                content = await page.locator('meta[http-equiv="refresh"]').get_attribute("content") or ""
                assert content.startswith(wait)
                url = url.partition("?")[0] + content.partition("url=")[2]
            answer = await page.goto(url)
            assert answer is not None
            assert answer.status == 429
            await expect(page.get_by_role("heading", name="Please wait")).to_be_visible()
            again = await page.locator('meta[http-equiv="refresh"]').get_attribute("content")
            assert again == (await answer.all_headers())["retry-after"]
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("path", ["return?secret=x", "cancelled", "closed"])
async def test_so_is_an_address_that_asks_too_often(database: str, path: str) -> None:
    async with open_shop(database, rate_limits="on", rate_limit_per_minute=2) as shop:
        found = [await shop.client.get(f"{shop.url}/payment/{path}") for _ in range(3)]
        assert [one.status_code for one in found][-1] == 429
        assert title_of(found[-1]) == "Please wait"
        assert refresh_of(found[-1]) == found[-1].headers["retry-after"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?secret=", 422),
        ("?secret=a&secret=b", 422),
        ("?secret=%00", 422),
        (f"?secret={'a' * 256}", 422),
        ("?secret=x&looked=-1", 422),
        ("?secret=x&looked=often", 422),
        ("?secret=x", 404),
    ],
)
async def test_an_address_that_was_not_copied_whole(shop: Shop, query: str, status: int) -> None:
    answer = await shop.client.get(f"{shop.url}/payment/return{query}")
    assert (answer.status_code, title_of(answer)) == (status, "Page not found")
    assert refresh_of(answer) is None


async def test_a_fault_of_ours(shop: Shop) -> None:
    await shop.settle()
    await shop.context.pool.execute("ALTER TABLE checkout_sessions RENAME TO elsewhere")
    answer = await shop.client.get(f"{shop.url}/payment/return?secret=x")
    assert (answer.status_code, title_of(answer), refresh_of(answer)) == (500, "Please wait", "30")
    assert "Nothing is lost" in answer.text


async def test_a_program_gets_the_one_error_shape(shop: Shop) -> None:
    assert_error(await shop.client.post(f"{shop.url}/payment/return"), 405, "method_not_allowed")
    assert_error(await shop.client.get(f"{shop.url}/payment/returned"), 404, "not_found")
