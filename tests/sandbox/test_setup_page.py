"""A person saves a card in a real browser on a phone's screen: mistyped, declined, 3-D Secure failed and completed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from tests.support.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Page
    from tests.sandbox.play import Play

ONCE = "4000 0025 0000 3155"


async def session_for(play: Play, customer: Any) -> Any:
    given = {
        "mode": "setup",
        "currency": "usd",
        "customer": customer.id,
        "success_url": f"{play.url}/_sandbox/clock?saved={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{play.url}/_sandbox/clock?back",
    }
    return await play.api.checkout.sessions.create_async(given)


async def customer(play: Play) -> Any:
    return await play.api.customers.create_async({"email": "ada@example.com"})


async def save_card(page: Page, card: str, *, expiry: str = "12 / 34", cvc: str = "123") -> None:
    await page.get_by_label("Card number").fill(card)
    await page.get_by_label("Expiry").fill(expiry)
    await page.get_by_label("CVC").fill(cvc)
    await page.get_by_role("button", name="Save card").click()


async def cards_of(play: Play, owner: Any) -> list[str]:
    found = await play.api.payment_methods.list_async({"customer": owner.id})
    return [method.card.last4 for method in found.data]


@pytest.mark.parametrize("javascript", [True, False])
async def test_3d_secure_failed_then_completed(play: Play, javascript: bool) -> None:
    owner = await customer(play)
    session = await session_for(play, owner)
    async with open_page(javascript=javascript) as page:
        await page.goto(session.url)
        await expect(page.get_by_role("heading", name="Save a card")).to_be_visible()
        await expect(page.get_by_text("ada@example.com")).to_be_visible()
        await expect(page.get_by_text("You are not charged today")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth") if javascript else True
        for outcome in ("Fail", "Complete"):
            await save_card(page, ONCE)
            await expect(page.get_by_role("heading", name="3D Secure")).to_be_visible()
            await expect(page.get_by_text("this card can be saved")).to_be_visible()
            assert await cards_of(play, owner) == []
            await page.get_by_role("button", name=outcome).click()
            if outcome == "Fail":
                await expect(page.get_by_role("alert")).to_contain_text("could not authenticate")
        await page.wait_for_url(f"**/_sandbox/clock?saved={session.id}")
    assert await cards_of(play, owner) == ["3155"]
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.setup_intent.status) == ("complete", "succeeded")
    told = [kind for kind in await play.types() if kind.startswith(("setup_intent", "checkout"))]
    assert told == [
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.requires_action",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]


async def test_what_is_wrong_is_said_where_it_is(play: Play) -> None:
    owner = await customer(play)
    session = await session_for(play, owner)
    async with open_page() as page:
        await page.goto(session.url)
        for card, typed, message, field in (
            ("4242 4242 4242 4242", {"cvc": "12"}, "security code is incomplete", "CVC"),
            ("4242 4242 4242 4242", {"expiry": "01 / 20"}, "expiration year is invalid", "Expiry"),
            ("4242 4242 4242 4241", {}, "card number is incorrect", "Card number"),
            ("4000 0000 0000 0127", {}, "security code is incorrect", "CVC"),
            ("4000 0000 0000 0069", {}, "card has expired", "Expiry"),
            ("4000 0000 0000 0002", {}, "card was declined", "Card number"),
        ):
            await save_card(page, card, **typed)
            await expect(page.get_by_role("alert")).to_contain_text(message)
            await expect(page.get_by_label(field)).to_have_attribute("aria-invalid", "true")
        assert await cards_of(play, owner) == []
        await save_card(page, "4242 4242 4242 4242")
        await page.wait_for_url("**/_sandbox/clock?saved=*")
    assert await cards_of(play, owner) == ["4242"]


async def test_the_way_back(play: Play) -> None:
    owner = await customer(play)
    session = await session_for(play, owner)
    async with open_page() as page:
        await page.goto(session.url)
        await page.get_by_role("link", name="Back").click()
        await page.wait_for_url("**/_sandbox/clock?back")
    assert await cards_of(play, owner) == []


@pytest.mark.parametrize(("outcome", "status"), [("Complete", "succeeded"), ("Fail", "failed")])
@pytest.mark.parametrize("kind", ["payment_intent", "setup_intent"])
async def test_an_intent_of_the_api_comes_back_from_the_bank(play: Play, kind: str, outcome: str, status: str) -> None:
    back = f"{play.url}/_sandbox/clock?order=7"
    given: Any = {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": back}
    if kind == "payment_intent":
        made = await play.api.payment_intents.create_async({"amount": 1234, "currency": "usd", **given})
    else:
        made = await play.api.setup_intents.create_async(given)
    async with open_page() as page:
        await page.goto(made.next_action.redirect_to_url.url)
        asked = "$12.34" if kind == "payment_intent" else "this card can be saved"
        await expect(page.get_by_text(asked)).to_be_visible()
        await page.get_by_role("button", name=outcome).click()
        await page.wait_for_url(f"**/_sandbox/clock?order=7&{kind}={made.id}&*redirect_status={status}")
