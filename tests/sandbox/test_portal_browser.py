"""A person visits the portal in a real browser on a phone: another plan, an end that is taken back, another card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from tests.sandbox.visits import ALL, update_feature, visit
from tests.support.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Page
    from tests.sandbox.play import Play
    from tests.sandbox.visits import PortalVisit

ALWAYS_ASKS = "4000 0027 6000 3184"


async def arrive(play: Play) -> tuple[Any, PortalVisit]:
    small, big = await play.price(1000, name="Small"), await play.price(3000, name="Big")
    subscription = await play.subscribe(price=small)
    features = {**ALL, "subscription_update": update_feature(small, big)}
    back = f"{play.url}/_sandbox/clock?back"
    return subscription, await visit(play, subscription.customer, features, return_url=back)


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def add_card(page: Page, card: str) -> None:
    await page.get_by_label("Card number").fill(card)
    await page.get_by_label("Expiry").fill("12 / 34")
    await page.get_by_label("CVC").fill("123")
    await page.get_by_role("button", name="Add card").click()


@pytest.mark.parametrize("javascript", [True, False])
async def test_another_plan(play: Play, javascript: bool) -> None:
    subscription, portal = await arrive(play)
    async with open_page(javascript=javascript) as page:
        await page.goto(portal.session.url)
        entry = page.get_by_role("article", name="Small")
        await expect(entry.get_by_text("Renews on")).to_be_visible()
        assert not javascript or await fits(page)
        await entry.get_by_role("link", name="Change plan").click()
        await page.get_by_role("radio", name="Big").check()
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("row", name="Due today")).to_contain_text("$20.00")
        assert not javascript or await fits(page)
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.get_by_role("article", name="Big")).to_be_visible()
        await page.get_by_role("link", name="Return to the shop").click()
        await page.wait_for_url("**/_sandbox/clock?back")
    changed = await portal.subscription(subscription.id)
    assert changed["items"].data[0].price.unit_amount == 3000


@pytest.mark.parametrize("javascript", [True, False])
async def test_canceled_and_kept_after_all(play: Play, javascript: bool) -> None:
    subscription, portal = await arrive(play)
    async with open_page(javascript=javascript) as page:
        await page.goto(portal.session.url)
        await page.get_by_role("link", name="Cancel subscription").click()
        await page.get_by_role("button", name="Cancel subscription").click()
        await expect(page.get_by_text("Ends on")).to_be_visible()
        assert (await portal.subscription(subscription.id)).cancel_at is not None
        await page.get_by_role("button", name="Don't cancel").click()
        await expect(page.get_by_text("Renews on")).to_be_visible()
    assert (await portal.subscription(subscription.id)).cancel_at is None


async def test_another_card_mistyped_failed_at_the_bank_and_added(play: Play) -> None:
    subscription, portal = await arrive(play)
    async with open_page() as page:
        await page.goto(portal.session.url)
        await page.get_by_role("link", name="Add a card").click()
        await add_card(page, "4242 4242 4242 4241")
        await expect(page.get_by_role("alert")).to_contain_text("card number is incorrect")
        await expect(page.get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
        assert await fits(page)
        for outcome in ("Fail", "Complete"):
            await add_card(page, ALWAYS_ASKS)
            await page.get_by_role("button", name=outcome).click()
            if outcome == "Fail":
                await expect(page.get_by_role("alert")).to_contain_text("could not authenticate")
        added = page.get_by_role("article", name="Visa ending in 3184")
        await expect(added.get_by_text("Default")).to_be_visible()
        # It pays for the subscription from now on, and the other one can go.
        await page.get_by_label("Payment method").select_option("Visa ending in 3184")
        await page.get_by_role("button", name="Save the card of Small").click()
        await page.get_by_role("button", name="Complete").click()
        await page.get_by_role("article", name="4242").get_by_role("button", name="Remove").click()
        await expect(page.get_by_role("article", name="4242")).to_have_count(0)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["default_payment_method"]})
    assert after.default_payment_method.card.last4 == "3184"


async def test_a_plan_that_the_bank_asks_about(play: Play) -> None:
    subscription, portal = await arrive(play)
    await play.change_card(subscription.customer, ALWAYS_ASKS)
    async with open_page() as page:
        await page.goto(f"{portal.session.url}/subscriptions/{subscription.id}/change")
        await page.get_by_role("radio", name="Big").check()
        await page.get_by_role("button", name="Continue").click()
        for outcome in ("Fail", "Complete"):
            await page.get_by_role("button", name="Confirm").click()
            await expect(page.get_by_text("$20.00")).to_be_visible()
            await page.get_by_role("button", name=outcome).click()
            if outcome == "Fail":
                await expect(page.get_by_role("alert")).to_contain_text("Your plan has not changed.")
        await expect(page.get_by_role("article", name="Big")).to_be_visible()


async def test_by_keyboard_alone(play: Play) -> None:
    subscription, portal = await arrive(play)
    async with open_page() as page:
        await page.goto(portal.session.url)
        await page.get_by_role("link", name="Change plan").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("radio", name="Small").focus()
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("radio", name="Big")).to_be_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Confirm your new plan")).to_be_visible()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Confirm")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("article", name="Big")).to_be_visible()
    assert (await portal.subscription(subscription.id))["items"].data[0].price.unit_amount == 3000


async def test_the_printed_invoice_is_black_on_white_without_the_rest(play: Play) -> None:
    subscription = await play.subscribe()
    async with open_page() as page:
        await page.emulate_media(media="print", color_scheme="dark")
        await page.goto(f"{play.url}/i/{subscription.latest_invoice}/print")
        await expect(page.get_by_role("heading", name="Invoice")).to_be_visible()
        await expect(page.get_by_role("note")).to_be_hidden()
        await expect(page.get_by_role("link")).to_have_count(0)
        ink = await page.evaluate("getComputedStyle(document.body).color")
        assert ink == "rgb(26, 36, 51)"
        assert (await page.pdf()).startswith(b"%PDF")
