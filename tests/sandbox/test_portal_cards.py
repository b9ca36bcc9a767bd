"""Cards in the portal: added, with 3-D Secure where they want it, chosen, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.test_pages import Outline
from tests.sandbox.visits import CARD, visit

if TYPE_CHECKING:
    from tests.sandbox.play import Play
    from tests.sandbox.visits import PortalVisit

ASKS_ONCE = "4000 0025 0000 3155"
ALWAYS_ASKS = "4000 0027 6000 3184"


async def cards(play: Play, customer: str) -> list[Any]:
    return list((await play.api.payment_methods.list_async({"customer": customer})).data)


async def default_of(play: Play, customer: str) -> str | None:
    named: str | None = (await play.api.customers.retrieve_async(customer)).invoice_settings.default_payment_method
    return named


async def newcomer(play: Play) -> tuple[str, PortalVisit]:
    customer = (await play.api.customers.create_async({"email": "ada@example.com"})).id
    return customer, await visit(play, customer)


def hidden(page: str) -> str:
    """The name of the form."""
    return page.split('name="form" value="')[1].split('"', maxsplit=1)[0]


async def test_a_card_is_added_once_and_becomes_the_default(play: Play) -> None:
    customer, portal = await newcomer(play)
    form = hidden((await portal.get("/cards/add")).text)
    last = await play.last()
    await portal.posted("/cards/add", form=form, **CARD)
    (card,) = await cards(play, customer)
    assert (card.card.last4, card.card.exp_year, card.billing_details.email) == ("4242", 2040, "ada@example.com")
    assert await default_of(play, customer) == card.id
    assert await play.types(last) == [
        "setup_intent.created", "payment_method.attached", "setup_intent.succeeded", "customer.updated",
    ]  # fmt: skip
    await portal.posted("/cards/add", form=form, **CARD)
    assert len(await cards(play, customer)) == 1
    await portal.posted("/cards/add", form=hidden((await portal.get("/cards/add")).text), **CARD)
    await portal.posted("/cards/add", **CARD)
    assert len(await cards(play, customer)) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("card", "4242 4242 4242 4241", "card number is incorrect"),
        ("card", "4000000000000002", "card was declined"),
        ("expiry", "01 / 20", "expiration year is invalid"),
        ("cvc", "1", "security code is incomplete"),
    ],
)
async def test_what_is_wrong_is_said_where_it_is(play: Play, field: str, value: str, message: str) -> None:
    customer, portal = await newcomer(play)
    form = hidden((await portal.get("/cards/add")).text)
    page = await portal.post("/cards/add", **{**CARD, field: value, "form": form})
    assert (page.status_code, message in page.text) == (402, True)
    marked = [name for name, given in Outline(page.text).fields.items() if given.get("aria-invalid")]
    assert (marked, hidden(page.text)) == ([field], form)
    assert await cards(play, customer) == []
    await portal.posted("/cards/add", form=form, **CARD)
    assert len(await cards(play, customer)) == 1
    # One form, one setup intent.
    assert len((await play.api.setup_intents.list_async({"customer": customer})).data) <= 1


async def test_three_d_secure_comes_before_the_card_is_kept(play: Play) -> None:
    customer, portal = await newcomer(play)
    form = hidden((await portal.get("/cards/add")).text)
    typed = {**CARD, "card": ASKS_ONCE, "form": form}
    asked = await portal.post("/cards/add", **typed)
    bank = asked.headers["location"].removeprefix(portal.path)
    assert bank.startswith("/cards/3ds/seti_")
    assert Outline((await portal.get(bank)).text).buttons == ["Complete", "Fail"]
    failed = await portal.post(bank, outcome="fail")
    assert (failed.status_code, "could not authenticate" in failed.text) == (402, True)
    assert await cards(play, customer) == []
    assert (await portal.get(bank)).headers["location"] == portal.path
    # Sent again, with another answer at the bank; and twice.
    await portal.posted("/cards/add", bank, **typed)
    await portal.posted("/cards/add", bank, **typed)
    await portal.posted(bank, outcome="complete")
    await portal.posted(bank, outcome="complete")
    (card,) = await cards(play, customer)
    assert await default_of(play, customer) == card.id
    later = await play.subscribe()
    stranger = await visit(play, later.customer)
    assert (await stranger.get(bank)).status_code == 404
    assert (await stranger.post(bank, outcome="complete")).status_code == 404
    # A setup intent that the API made is none of the portal's.
    own = await play.api.setup_intents.create_async({"customer": customer})
    assert (await portal.post(f"/cards/3ds/{own.id}", outcome="complete")).status_code == 404


async def test_another_default_and_a_card_that_goes(play: Play) -> None:
    customer, portal = await newcomer(play)
    await portal.posted("/cards/add", **CARD)
    await portal.posted("/cards/add", **{**CARD, "card": "5555 5555 5555 4444"})
    mastercard, visa = await cards(play, customer)
    page = await portal.get()
    assert page.text.count("Make default") == 1
    await portal.posted(f"/cards/{visa.id}/default")
    assert await default_of(play, customer) == visa.id
    last = await play.last()
    await portal.posted(f"/cards/{mastercard.id}/remove")
    await portal.posted(f"/cards/{mastercard.id}/remove")
    assert await play.types(last) == ["payment_method.detached"]
    assert [card.id for card in await cards(play, customer)] == [visa.id]
    assert (await portal.post("/cards/pm_none/remove")).status_code == 404
    assert (await portal.post(f"/cards/{mastercard.id}/default")).status_code == 404


async def test_a_subscription_is_paid_with_a_card_of_its_own_or_the_default(play: Play) -> None:
    subscription = await play.subscribe()
    first = subscription.default_payment_method
    portal = await visit(play, subscription.customer)
    refused = await portal.post(f"/cards/{first}/remove")
    assert (refused.status_code, "Choose another card" in refused.text) == (400, True)
    await portal.posted("/cards/add", **{**CARD, "card": "5555 5555 5555 4444"})
    second = await default_of(play, subscription.customer)
    at = f"/subscriptions/{subscription.id}/card"
    assert "Payment method" in (await portal.get()).text
    assert (await portal.subscription(subscription.id)).default_payment_method == first
    last = await play.last()
    await portal.posted(at, method=second)
    assert await play.types(last) == ["customer.subscription.updated"]
    assert (await portal.subscription(subscription.id)).default_payment_method == second
    await portal.posted(at, method="")
    assert (await portal.subscription(subscription.id)).default_payment_method is None
    assert (await portal.post(f"/cards/{second}/remove")).status_code == 400
    await portal.posted(f"/cards/{first}/remove")


async def test_a_card_that_asks_each_time_is_asked_for_when_it_is_chosen(play: Play) -> None:
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer)
    asked = await portal.post("/cards/add", **{**CARD, "card": ALWAYS_ASKS})
    await portal.posted(asked.headers["location"].removeprefix(portal.path), outcome="complete")
    chosen = await default_of(play, subscription.customer)
    bank = await portal.post(f"/subscriptions/{subscription.id}/card", method=chosen)
    assert bank.headers["location"].startswith("/3ds/seti_")
    done = await play.http.post(bank.headers["location"], data={"outcome": "complete"})
    assert done.headers["location"].startswith(f"{play.url}{portal.path}?setup_intent=")
    after = await portal.subscription(subscription.id)
    assert (after.default_payment_method, after.pending_setup_intent) == (chosen, None)
