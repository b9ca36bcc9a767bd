"""The portal's first page, who may see it and for how long, and what is not to be had in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.play import DAY
from tests.sandbox.test_pages import Outline
from tests.sandbox.visits import ALL, CARD, RETURN, update_feature, visit

if TYPE_CHECKING:
    from tests.sandbox.play import Play

HOUR = 3600


async def test_everything_at_a_glance(play: Play) -> None:
    price = await play.price(900, name="<i>Pro & Co</i>")
    subscription = await play.subscribe(price=price)
    features = {**ALL, "subscription_update": update_feature(price)}
    portal = await visit(play, subscription.customer, features)
    page = await portal.get()
    assert page.status_code == 200
    for text in ("&lt;i&gt;Pro &amp; Co&lt;/i&gt;", "$9.00 per month", "Renews on", "Visa ending in 4242", "Invoices"):
        assert text in page.text
    assert "<i>" not in page.text
    outline = Outline(page.text)
    assert outline.scripts == 0
    at = f"{portal.path}/subscriptions/{subscription.id}"
    invoice = subscription.latest_invoice
    assert {f"{at}/change", f"{at}/cancel", f"{at}/pause", f"/i/{invoice}", f"/i/{invoice}/print"} <= {*outline.links}
    assert RETURN in outline.links
    for link in outline.links:
        if link != RETURN:
            assert (await play.http.get(link)).status_code == 200, link


async def test_what_is_not_enabled_is_neither_shown_nor_possible(play: Play) -> None:
    price = await play.price()
    subscription = await play.subscribe(price=price)
    card = subscription.default_payment_method
    nothing = {"invoice_history": {"enabled": False}}
    portal = await visit(play, subscription.customer, nothing)
    page = await portal.get()
    assert Outline(page.text).buttons == []
    assert Outline(page.text).links == [RETURN]
    assert "Invoices" not in page.text
    last = await play.last()
    at = f"/subscriptions/{subscription.id}"
    for path, form in (
        (f"{at}/cancel", {}),
        (f"{at}/keep", {}),
        (f"{at}/pause", {}),
        (f"{at}/resume", {}),
        (f"{at}/confirm", {"price": price.id}),
        (f"{at}/keep-plan", {}),
        (f"{at}/card", {"method": card}),
        ("/cards/add", CARD),
        (f"/cards/{card}/default", {}),
        (f"/cards/{card}/remove", {}),
        ("/details", {"name": "Eve"}),
    ):
        answer = await portal.post(path, **form)
        assert (answer.status_code, "Not available" in answer.text) == (403, True), path
    for path in (f"{at}/cancel", f"{at}/pause", f"{at}/change", f"{at}/confirm", "/cards/add", "/details"):
        assert (await portal.get(path)).status_code == 403, path
    assert (await portal.post(f"{at}/offer")).status_code == 404
    assert await play.types(last) == []


async def test_what_is_somebody_else_s_is_not_there(play: Play) -> None:
    price, more = await play.price(), await play.price(2000)
    theirs = await play.subscribe(price=price)
    mine = await play.subscribe(price=price)
    features = {**ALL, "subscription_update": update_feature(price, more)}
    portal = await visit(play, mine.customer, features)
    assert theirs.id not in (await portal.get()).text
    last = await play.last()
    at, card = f"/subscriptions/{theirs.id}", theirs.default_payment_method
    for path, form in (
        (f"{at}/cancel", {}),
        (f"{at}/keep", {}),
        (f"{at}/pause", {}),
        (f"{at}/resume", {}),
        (f"{at}/confirm", {"price": more.id}),
        (f"{at}/3ds", {"outcome": "complete"}),
        (f"{at}/keep-plan", {}),
        (f"{at}/card", {"method": card}),
        (f"/subscriptions/{mine.id}/card", {"method": card}),
        (f"/cards/{card}/default", {}),
        (f"/cards/{card}/remove", {}),
        ("/cards/3ds/seti_none", {"outcome": "complete"}),
        ("/subscriptions/sub_none/cancel", {}),
    ):
        assert (await portal.post(path, **form)).status_code == 404, path
    for path in (f"{at}/cancel", f"{at}/change", f"{at}/confirm?price={more.id}", f"{at}/3ds", f"{at}/pause"):
        assert (await portal.get(path)).status_code == 404, path
    assert (await play.http.get("/p/session/bps_none")).status_code == 404
    assert await play.types(last) == []


async def test_a_session_is_opened_within_minutes_and_ends_an_hour_after_its_last_use(play: Play) -> None:
    customer = (await play.api.customers.create_async({"email": "ada@example.com"})).id
    late = await visit(play, customer)
    await play.advance(6 * 60)
    page = await late.get()
    assert page.status_code == 410
    assert "This session has expired" in page.text
    assert Outline(page.text).links == [RETURN]
    used = await visit(play, customer)
    for _ in range(3):
        assert (await used.get()).status_code == 200
        await play.advance(HOUR - 60)
    assert (await used.post("/details", name="Ada")).status_code == 303
    await play.advance(HOUR + 60)
    assert (await used.post("/details", name="Eve")).status_code == 410
    assert (await play.api.customers.retrieve_async(customer)).name == "Ada"


async def test_an_expired_session_can_be_logged_in_to_where_that_was_said(play: Play) -> None:
    customer = (await play.api.customers.create_async({"email": "ada@example.com"})).id
    plain = await visit(play, customer)
    until = int(play.sandbox.now().timestamp()) + DAY
    login = {"type": "customer_login", "customer_login": {"expires_at": until}}
    portal = await visit(play, customer, after_expiration=login)
    assert portal.session.after_expiration.customer_login.expires_at == until
    await play.advance(2 * HOUR)
    assert (await plain.post("/login", email="ada@example.com")).status_code == 410
    page = await portal.get()
    assert (page.status_code, Outline(page.text).buttons) == (410, ["Log in"])
    wrong = await portal.post("/login", email="eve@example.com")
    assert wrong.status_code == 400
    assert Outline(wrong.text).fields["email"]["aria-invalid"] == "true"
    await portal.posted("/login", email="Ada@Example.com")
    assert (await portal.get()).status_code == 200
    await play.advance(2 * DAY)
    assert (await portal.post("/login", email="ada@example.com")).status_code == 410
    assert (await play.http.post("/p/session/bps_none/login", data={"email": "x"})).status_code == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_no_other_site_may_send_a_form(play: Play, origin: str) -> None:
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer)
    path = f"{portal.path}/subscriptions/{subscription.id}/cancel"
    answer = await play.http.post(path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert (await play.http.post(path, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await portal.subscription(subscription.id)).cancel_at is None
    page = await portal.get()
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_details_are_changed_as_far_as_that_is_allowed(play: Play) -> None:
    customer = (await play.api.customers.create_async({"email": "ada@example.com", "name": "Ada"})).id
    allowed = {"customer_update": {"enabled": True, "allowed_updates": ["name", "address"]}}
    portal = await visit(play, customer, allowed)
    assert list(Outline((await portal.get("/details")).text).fields) == [
        "name", "line1", "line2", "postal_code", "city", "state", "country",
    ]  # fmt: skip
    wrong = await portal.post("/details", name="Ada L.", line1="Main St. 1", country="Utopia")
    outline = Outline(wrong.text)
    assert (wrong.status_code, outline.fields["name"]["value"]) == (400, "Ada L.")
    assert outline.fields["country"]["aria-invalid"] == "true"
    last = await play.last()
    await portal.posted("/details", name='"><b>', line1="Main St. 1", country="gb", email="eve@example.com")
    changed = await play.api.customers.retrieve_async(customer)
    assert (changed.name, changed.address.country, changed.email) == ('"><b>', "GB", "ada@example.com")
    assert await play.types(last) == ["customer.updated"]
    assert "&#34;&gt;&lt;b&gt;" in (await portal.get("/details")).text
    # The same once more changes nothing, and nothing typed clears.
    await portal.posted("/details", name='"><b>', line1="Main St. 1", country="GB")
    assert await play.types(last) == ["customer.updated"]
    await portal.posted("/details", name="")
    cleared = await play.api.customers.retrieve_async(customer)
    assert (cleared.name, cleared.address) == (None, None)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@example.com", "name": "x" * 300}, "name"),
        ({"email": "a@example.com", "shipping_line1": "Main St. 1"}, "shipping_name"),
        ({"email": "a@example.com", "shipping_name": "Ada", "shipping_country": "1"}, "shipping_country"),
    ],
)
async def test_details_that_cannot_be(play: Play, form: dict[str, Any], field: str) -> None:
    customer = (await play.api.customers.create_async({"email": "ada@example.com"})).id
    portal = await visit(play, customer)
    page = await portal.post("/details", **form)
    assert page.status_code == 400
    marked = [name for name, given in Outline(page.text).fields.items() if given.get("aria-invalid")]
    assert marked == [field]
    good = {"email": "b@example.com", "shipping_name": "Ada", "shipping_line1": "Main St. 1", "phone": "123"}
    await portal.posted("/details", **good)
    changed = await play.api.customers.retrieve_async(customer)
    assert (changed.email, changed.phone, changed.shipping.name) == ("b@example.com", "123", "Ada")
    assert changed.shipping.address.line1 == "Main St. 1"


async def test_old_invoices_are_a_click_away(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(100, "week"))
    await play.advance(13 * 7 * DAY)
    portal = await visit(play, subscription.customer)
    few, everything = await portal.get(), await portal.get("?invoices=all")
    count = len((await play.api.invoices.list_async({"status": "paid", "limit": 100})).data)
    assert (few.text.count(">Print<"), everything.text.count(">Print<")) == (12, count)
    assert count > 12


async def test_how_subscriptions_stand_is_said(play: Play) -> None:
    trial = await play.subscribe(subscription_data={"trial_period_days": 14})
    assert "Free trial until" in (await (await visit(play, trial.customer)).get()).text
    late = await play.subscribe()
    await play.change_card(late.customer, "4000000000000341")
    await play.advance(32 * DAY)
    page = await (await visit(play, late.customer)).get()
    late = await play.api.subscriptions.retrieve_async(late.id)
    assert "The last payment failed" in page.text
    assert f"/i/{late.latest_invoice}" in Outline(page.text).links
    held = {"pause_collection": {"behavior": "void", "resumes_at": int(play.sandbox.now().timestamp()) + 90 * DAY}}
    other = await play.subscribe()
    await play.api.subscriptions.update_async(other.id, held)
    portal = await visit(play, other.customer)
    assert "Payments paused until" in (await portal.get()).text
    await play.api.subscriptions.cancel_async(other.id)
    assert "No subscriptions." in (await portal.get()).text
