"""A person pays on the hosted checkout in a real browser: with each kind of card, a promotion code, by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from tests.support.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Page
    from tests.sandbox.play import Play

PAYS = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
ALWAYS_ASKS = "4000 0027 6000 3184"


async def session_for(play: Play, *prices: Any, **more: Any) -> Any:
    addresses = {
        "success_url": f"{play.url}/_sandbox/clock?paid={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{play.url}/_sandbox/clock?back",
    }
    return await play.session(*prices, **addresses, **more)


async def fill_in(page: Page, card: str) -> None:
    if await page.get_by_label("Email").count():
        await page.get_by_label("Email").fill("ada@example.com")
    await page.get_by_label("Card number").fill(card)
    await page.get_by_label("Expiry").fill("12 / 34")
    await page.get_by_label("CVC").fill("123")


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_card_that_pays_with_a_promotion_code(play: Play, javascript: bool) -> None:
    coupon = await play.api.coupons.create_async({"percent_off": 25, "duration": "once"})
    await play.api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HELLO"})
    session = await session_for(play, await play.price(4000), allow_promotion_codes=True)
    async with open_page(javascript=javascript) as page:
        await page.goto(session.url)
        await expect(page.get_by_role("note")).to_contain_text("sandbox")
        await page.get_by_label("Promotion code").fill("nothing")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("alert")).to_contain_text("invalid")
        await expect(page.get_by_label("Promotion code")).to_have_attribute("aria-invalid", "true")
        await page.get_by_label("Promotion code").fill("hello")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("row", name="Due today")).to_contain_text("$30.00")
        await expect(page.get_by_role("row", name="Discount")).to_contain_text("-$10.00")
        await expect(page.get_by_text("Then $40.00 every month; next payment on")).to_be_visible()
        assert not javascript or await fits(page)
        await fill_in(page, PAYS)
        await page.get_by_role("button", name="Subscribe").click()
        await page.wait_for_url(f"**/_sandbox/clock?paid={session.id}")
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.amount_total) == ("complete", 3000)


async def test_a_declined_card_says_so_and_another_one_pays(play: Play) -> None:
    session = await session_for(play, await play.price(4000, None))
    async with open_page() as page:
        await page.goto(session.url)
        await fill_in(page, DECLINED)
        await page.get_by_role("button", name="Pay $40.00").click()
        await expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
        await expect(page.get_by_label("Card number")).to_have_attribute("aria-describedby", "problem")
        await expect(page.get_by_label("Card number")).to_be_focused()
        await expect(page.get_by_label("Email")).to_have_value("ada@example.com")
        await fill_in(page, PAYS)
        await page.get_by_role("button", name="Pay $40.00").click()
        await page.wait_for_url("**/_sandbox/clock?paid=*")
    charges = (await play.api.charges.list_async()).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize("javascript", [True, False])
async def test_3d_secure_failed_then_completed(play: Play, javascript: bool) -> None:
    session = await session_for(play, await play.price(4000))
    async with open_page(javascript=javascript) as page:
        await page.goto(session.url)
        for outcome in ("Fail", "Complete"):
            await fill_in(page, ALWAYS_ASKS)
            await page.get_by_role("button", name="Subscribe").click()
            await expect(page.get_by_role("heading", name="3D Secure")).to_be_visible()
            await expect(page.get_by_text("$40.00")).to_be_visible()
            await page.get_by_role("button", name=outcome).click()
            if outcome == "Fail":
                await expect(page.get_by_role("alert")).to_contain_text("could not authenticate")
                assert (await play.api.subscriptions.list_async()).data == []
        await page.wait_for_url("**/_sandbox/clock?paid=*")
    assert [one.status for one in (await play.api.subscriptions.list_async()).data] == ["active"]


async def test_by_keyboard_alone(play: Play) -> None:
    session = await session_for(play, await play.price(4000, None))
    async with open_page() as page:
        await page.goto(session.url)
        await page.get_by_label("Email").focus()
        for text in ("ada@example.com", PAYS, "12 / 34", "123"):
            await page.keyboard.type(text)
            await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Pay $40.00")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/_sandbox/clock?paid=*")


async def test_what_is_paid_later_is_said(play: Play) -> None:
    forever = await play.api.coupons.create_async({"percent_off": 50, "duration": "forever"})
    some = {"percent_off": 50, "duration": "repeating", "duration_in_months": 3}
    months = await play.api.coupons.create_async(some)
    once = await play.api.coupons.create_async({"percent_off": 50, "duration": "once"})
    trial = {"subscription_data": {"trial_period_days": 7}}
    for more, text in (
        ({}, "Then $40.00 every month; next payment on"),
        ({"discounts": [{"coupon": forever.id}]}, "Then $20.00 every month; next payment on"),
        (
            {"discounts": [{"coupon": months.id}]},
            "Then $20.00 every month for 3 months, then $40.00 every month; next payment on",
        ),
        (trial, "7 days free, then $40.00 every month; first payment on"),
        (
            {**trial, "discounts": [{"coupon": once.id}]},
            "7 days free, then $20.00 once, then $40.00 every month; first payment on",
        ),
    ):
        session = await session_for(play, await play.price(4000), **more)
        assert text in (await play.http.get(session.url)).text
