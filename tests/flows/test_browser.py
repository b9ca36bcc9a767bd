"""A person pays on the hosted page, in a real browser on a phone's screen, and the license is there."""

import pytest
from playwright.async_api import Page, expect
from tests.support.browser import open_page
from tests.support.shop import Shop


async def fill_in(page: Page, card: str) -> None:
    await page.get_by_label("Card number").fill(card)
    await page.get_by_label("Expiry").fill("12 / 34")
    await page.get_by_label("CVC").fill("123")


def page_of(shop: Shop, session: str) -> str:
    return f"{shop.sandbox_url}/c/pay/{session}"


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_purchase_by_keyboard(shop: Shop, javascript: bool) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Data Migrator")
    async with open_page(javascript=javascript) as page:
        await page.goto(page_of(shop, session))
        await expect(page.get_by_text("sandbox", exact=False).first).to_be_visible()
        await expect(page.get_by_text("Data Migrator").first).to_be_visible()
        await expect(page.get_by_text("$499.00").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth") if javascript else True
        await fill_in(page, "4242 4242 4242 4242")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/healthz?paid={session}")
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"


async def test_a_declined_card_says_why_and_another_one_pays(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Shopify Connector")
    async with open_page() as page:
        await page.goto(page_of(shop, session))
        await fill_in(page, "4000 0000 0000 9995")
        await page.get_by_role("button", name="Subscribe").click()
        await expect(page.get_by_role("alert")).to_contain_text("insufficient funds")
        await fill_in(page, "4242 4242 4242 4242")
        await page.get_by_role("button", name="Subscribe").click()
        await page.wait_for_url("**/healthz?paid=*")
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"


async def test_3d_secure_failed_then_completed(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Shopify Connector")
    async with open_page() as page:
        await page.goto(page_of(shop, session))
        for outcome in ("Fail", "Complete"):
            await fill_in(page, "4000 0025 0000 3155")
            await page.get_by_role("button", name="Subscribe").click()
            await expect(page.get_by_role("heading", name="3D Secure")).to_be_visible()
            assert await shop.licenses(account) == []
            await page.get_by_role("button", name=outcome).click()
            if outcome == "Fail":
                await expect(page.get_by_role("alert")).to_be_visible()
        await page.wait_for_url("**/healthz?paid=*")
    await shop.settle()
    assert (await shop.license(account))["status"] == "active"


async def test_the_way_back(shop: Shop) -> None:
    account = await shop.make_account()
    session = await shop.checkout(account, "Data Migrator")
    async with open_page() as page:
        await page.goto(page_of(shop, session))
        await page.get_by_role("link", name="Back").click()
        await page.wait_for_url("**/healthz?back")
    assert await shop.licenses(account) == []
