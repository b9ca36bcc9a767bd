"""Plans and quantities changed in the portal: at once, at the period's end, paid, declined, with 3-D Secure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.play import DAY
from tests.sandbox.test_pages import Outline
from tests.sandbox.visits import ALL, update_feature, visit

if TYPE_CHECKING:
    from tests.sandbox.play import Play
    from tests.sandbox.visits import PortalVisit

TRIES = "4000000000000341"
ALWAYS_ASKS = "4000002760003184"


async def plans(play: Play) -> tuple[Any, Any]:
    """The small one and the big one, both monthly."""
    return await play.price(1000, name="Small"), await play.price(3000, name="Big")


async def arrive(play: Play, subscription: Any, *prices: Any, **more: Any) -> PortalVisit:
    return await visit(play, subscription.customer, {**ALL, "subscription_update": update_feature(*prices, **more)})


def price_of(subscription: Any) -> tuple[str, int]:
    item = subscription["items"].data[0]
    return item.price.id, item.quantity


def due_today(page: str) -> str:
    return str(re.findall(r"Due today</th><td>(.*?)</td>", page)[0])


async def test_the_page_says_what_is_due_and_that_is_what_is_charged(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    await play.advance(10 * DAY)
    portal = await arrive(play, subscription, small, big)
    at = f"/subscriptions/{subscription.id}"
    chooser = await portal.get(f"{at}/change")
    assert "Big" in chooser.text
    assert "$30.00 per month" in chooser.text
    page = await portal.get(f"{at}/confirm?price={big.id}")
    moment = re.findall(r'name="at" value="(\d+)"', page.text)[0]
    await play.advance(60)
    last = await play.last()
    await portal.posted(f"{at}/confirm", price=big.id, quantity="1", at=moment)
    assert price_of(await portal.subscription(subscription.id)) == (big.id, 1)
    invoice = (await play.api.invoices.list_async({"limit": 1})).data[0]
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_update")
    assert due_today(page.text) == f"${invoice.amount_paid / 100:.2f}"
    preview = invoice.lines.data[0].period.start
    assert preview == int(moment)
    types = await play.types(last)
    assert {"customer.subscription.updated", "invoice.paid", "charge.succeeded"} <= {*types}
    # Sent once more, nothing more happens.
    last = await play.last()
    await portal.posted(f"{at}/confirm", price=big.id, quantity="1", at=moment)
    assert await play.types(last) == []


async def test_without_an_invoice_at_once_the_next_one_is_told(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    portal = await arrive(play, subscription, small, big, proration_behavior="none")
    at = f"/subscriptions/{subscription.id}"
    page = await portal.get(f"{at}/confirm?price={big.id}")
    assert due_today(page.text) == "$0.00"
    assert "Your next payment of $30.00 is due on" in page.text
    count = len((await play.api.invoices.list_async()).data)
    await portal.posted(f"{at}/confirm", price=big.id)
    assert price_of(await portal.subscription(subscription.id)) == (big.id, 1)
    assert len((await play.api.invoices.list_async()).data) == count


async def test_a_cheaper_plan_leaves_credit(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=big)
    portal = await arrive(play, subscription, small, big)
    at = f"/subscriptions/{subscription.id}"
    page = await portal.get(f"{at}/confirm?price={small.id}")
    assert due_today(page.text) == "$0.00"
    shown = re.findall(r"Credit for future invoices</th><td>\$(.*?)</td>", page.text)[0]
    moment = re.findall(r'name="at" value="(\d+)"', page.text)[0]
    await portal.posted(f"{at}/confirm", price=small.id, at=moment)
    customer = await play.api.customers.retrieve_async(subscription.customer)
    assert f"{-customer.balance / 100:.2f}" == shown


@pytest.mark.parametrize("condition", ["decreasing_item_amount", "shortening_interval"])
async def test_some_changes_wait_for_the_end_of_the_period(play: Play, condition: str) -> None:
    small, big = await plans(play)
    yearly = await play.api.prices.create_async(
        {"product": big.product, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "year"}}
    )
    before = big if condition == "decreasing_item_amount" else yearly
    subscription = await play.subscribe(price=before)
    later = {"schedule_at_period_end": {"conditions": [{"type": condition}]}}
    portal = await arrive(play, subscription, small, before, **later)
    at = f"/subscriptions/{subscription.id}"
    page = await portal.get(f"{at}/confirm?price={small.id}")
    assert due_today(page.text) == "$0.00"
    assert "Your plan changes on" in page.text
    await portal.posted(f"{at}/confirm", price=small.id)
    managed = await portal.subscription(subscription.id)
    assert price_of(managed) == (before.id, 1)
    schedule = await play.api.subscription_schedules.retrieve_async(managed.schedule)
    assert [phase["items"][0].price for phase in schedule.phases] == [before.id, small.id]
    home = await portal.get()
    assert "Changes to Small, $10.00 per month on" in home.text
    assert f"{portal.path}{at}/change" not in Outline(home.text).links
    assert (await portal.post(f"{at}/confirm", price=before.id)).status_code == 403
    last = await play.last()
    await portal.posted(f"{at}/confirm", price=small.id)
    assert await play.types(last) == []
    # Called off, and wanted again.
    await portal.posted(f"{at}/keep-plan")
    assert (await portal.subscription(subscription.id)).schedule is None
    await portal.posted(f"{at}/confirm", price=small.id)
    await play.advance(370 * DAY if condition == "shortening_interval" else 32 * DAY)
    changed = await portal.subscription(subscription.id)
    assert price_of(changed) == (small.id, 1)
    invoice = await play.api.invoices.retrieve_async(changed.latest_invoice)
    assert (invoice.status, invoice.total, len(invoice.lines.data)) == ("paid", 1000, 1)


async def test_a_change_that_waits_goes_with_a_cancellation(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=big)
    later = {"schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]}}
    portal = await arrive(play, subscription, small, big, **later)
    at = f"/subscriptions/{subscription.id}"
    await portal.posted(f"{at}/confirm", price=small.id)
    await portal.posted(f"{at}/cancel")
    ending = await portal.subscription(subscription.id)
    assert (ending.schedule, ending.cancel_at) == (None, ending["items"].data[0].current_period_end)


async def test_a_declined_payment_changes_nothing_and_another_card_pays(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    await play.change_card(subscription.customer, TRIES)
    portal = await arrive(play, subscription, small, big)
    at = f"/subscriptions/{subscription.id}"
    refused = await portal.post(f"{at}/confirm", price=big.id)
    assert refused.status_code == 402
    assert "Your card was declined." in refused.text
    assert f"{portal.path}/cards/add" in Outline(refused.text).links
    unchanged = await portal.subscription(subscription.id)
    assert (price_of(unchanged), unchanged.status, unchanged.pending_update) == ((small.id, 1), "active", None)
    assert (await play.api.invoices.retrieve_async(unchanged.latest_invoice)).status == "void"
    await play.change_card(subscription.customer, "4242424242424242")
    await portal.posted(f"{at}/confirm", price=big.id)
    assert price_of(await portal.subscription(subscription.id)) == (big.id, 1)


async def test_without_a_card_nothing_changes(play: Play) -> None:
    small, big = await plans(play)
    given = {"subscription_data": {"trial_period_days": 7}, "payment_method_collection": "if_required"}
    session = await play.session(small, **given)
    assert (await play.http.post(f"/c/pay/{session.id}", data={"email": "a@example.com"})).status_code == 303
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    subscription = await play.api.subscriptions.retrieve_async(done.subscription)
    portal = await arrive(play, subscription, small, big)
    refused = await portal.post(f"/subscriptions/{subscription.id}/confirm", price=big.id)
    assert (refused.status_code, "There is no card to pay with" in refused.text) == (402, True)
    unchanged = await portal.subscription(subscription.id)
    assert (price_of(unchanged), unchanged.status) == ((small.id, 1), "trialing")


async def test_three_d_secure_comes_before_the_change(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    await play.change_card(subscription.customer, ALWAYS_ASKS)
    portal = await arrive(play, subscription, small, big)
    at = f"/subscriptions/{subscription.id}"
    assert (await portal.get(f"{at}/3ds")).headers["location"] == portal.path
    await portal.posted(f"{at}/confirm", f"{at}/3ds", price=big.id)
    pending = await portal.subscription(subscription.id)
    assert (price_of(pending), pending.pending_update is not None) == ((small.id, 1), True)
    # Sent twice, it is the same invoice that waits; the first page leads to it, too.
    await portal.posted(f"{at}/confirm", f"{at}/3ds", price=big.id)
    assert (await portal.subscription(subscription.id)).latest_invoice == pending.latest_invoice
    assert f"{portal.path}{at}/3ds" in Outline((await portal.get()).text).links
    question = await portal.get(f"{at}/3ds")
    assert Outline(question.text).buttons == ["Complete", "Fail"]
    failed = await portal.post(f"{at}/3ds", outcome="fail")
    address = f"{portal.path}{at}/confirm?price={big.id}&quantity=1&failed=3ds"
    assert failed.headers["location"] == address
    assert "could not authenticate" in (await play.http.get(address)).text
    unchanged = await portal.subscription(subscription.id)
    assert (price_of(unchanged), unchanged.pending_update) == ((small.id, 1), None)
    await portal.posted(f"{at}/confirm", f"{at}/3ds", price=big.id)
    await portal.posted(f"{at}/3ds", outcome="complete")
    changed = await portal.subscription(subscription.id)
    assert (price_of(changed), changed.status, changed.pending_update) == ((big.id, 1), "active", None)
    # Pressed twice, it does no harm.
    last = await play.last()
    await portal.posted(f"{at}/3ds", outcome="complete")
    assert await play.types(last) == []


async def test_quantities_are_within_their_bounds(play: Play) -> None:
    price = await play.price(1000)
    subscription = await play.subscribe(price=price)
    feature = update_feature(price, default_allowed_updates=["quantity"])
    feature["products"][0]["adjustable_quantity"] = {"enabled": True, "minimum": 1, "maximum": 5}
    portal = await visit(play, subscription.customer, {**ALL, "subscription_update": feature})
    at = f"/subscriptions/{subscription.id}"
    assert "quantity" in Outline((await portal.get(f"{at}/change")).text).fields
    for quantity, message in (
        ("0", "from 1 to 5"),
        ("6", "from 1 to 5"),
        ("x", "whole number"),
        ("-1", "whole number"),
    ):
        refused = await portal.get(f"{at}/confirm?price={price.id}&quantity={quantity}")
        assert (refused.status_code, message in refused.text) == (400, True), quantity
        assert Outline(refused.text).fields["quantity"]["aria-invalid"] == "true"
        assert (await portal.post(f"{at}/confirm", price=price.id, quantity=quantity)).status_code == 400
    assert "3 at $10.00 per month" in (await portal.get(f"{at}/confirm?price={price.id}&quantity=3")).text
    await portal.posted(f"{at}/confirm", price=price.id, quantity="3")
    assert price_of(await portal.subscription(subscription.id)) == (price.id, 3)


async def test_only_what_is_on_offer_can_be_chosen(play: Play) -> None:
    small, big = await plans(play)
    other = await play.price(1)
    euro = await play.price(1, currency="eur")
    subscription = await play.subscribe(price=small)
    portal = await arrive(play, subscription, small, big, euro)
    at = f"/subscriptions/{subscription.id}"
    assert euro.id not in (await portal.get(f"{at}/change")).text
    for price_id in (other.id, euro.id, "price_none", ""):
        assert (await portal.get(f"{at}/confirm?price={price_id}")).status_code == 400
        assert (await portal.post(f"{at}/confirm", price=price_id)).status_code == 400
    assert (await portal.post(f"{at}/confirm", price=big.id, quantity="2")).status_code == 400
    assert (await portal.post(f"{at}/confirm", price=big.id, code="SALE")).status_code == 400
    await play.api.prices.update_async(big.id, {"active": False})
    assert (await portal.post(f"{at}/confirm", price=big.id)).status_code == 400
    fixed = await arrive(play, subscription, small, euro, default_allowed_updates=["quantity"])
    assert (await fixed.post(f"{at}/confirm", price=other.id)).status_code == 400
    assert price_of(await portal.subscription(subscription.id)) == (small.id, 1)


async def test_a_moment_that_was_not_shown_changes_no_price(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    await play.advance(10 * DAY)
    portal = await arrive(play, subscription, small, big)
    now = int(play.sandbox.now().timestamp())
    end = subscription["items"].data[0].current_period_end
    await portal.posted(f"/subscriptions/{subscription.id}/confirm", price=big.id, at=str(end))
    invoice = (await play.api.invoices.list_async({"limit": 1})).data[0]
    assert now <= invoice.lines.data[0].period.start <= now + 60


@pytest.mark.parametrize("behavior", ["end_trial", "continue_trial"])
async def test_a_change_in_a_trial(play: Play, behavior: str) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small, subscription_data={"trial_period_days": 14})
    portal = await arrive(play, subscription, small, big, trial_update_behavior=behavior)
    at, ends = f"/subscriptions/{subscription.id}", behavior == "end_trial"
    page = await portal.get(f"{at}/confirm?price={big.id}")
    assert due_today(page.text) == ("$30.00" if ends else "$0.00")
    await portal.posted(f"{at}/confirm", price=big.id)
    changed = await portal.subscription(subscription.id)
    assert (price_of(changed), changed.status) == ((big.id, 1), "active" if ends else "trialing")


async def test_the_billing_cycle_starts_afresh_where_that_is_configured(play: Play) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    await play.advance(10 * DAY)
    portal = await arrive(play, subscription, small, big, billing_cycle_anchor="now")
    await portal.posted(f"/subscriptions/{subscription.id}/confirm", price=big.id)
    changed = await portal.subscription(subscription.id)
    assert changed.billing_cycle_anchor > subscription.billing_cycle_anchor + 9 * DAY


@pytest.mark.parametrize("asks", [False, True])
async def test_a_promotion_code_comes_with_the_change(play: Play, asks: bool) -> None:
    small, big = await plans(play)
    coupon = await play.api.coupons.create_async({"percent_off": 50, "duration": "forever"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    code = await play.api.promotion_codes.create_async({"promotion": promotion, "code": "HALF"})
    subscription = await play.subscribe(price=small)
    portal = await arrive(play, subscription, small, big, default_allowed_updates=["price", "promotion_code"])
    at = f"/subscriptions/{subscription.id}"
    wrong = await portal.get(f"{at}/confirm?price={big.id}&code=NOTHING")
    assert (wrong.status_code, Outline(wrong.text).fields["code"]["aria-invalid"]) == (400, "true")
    page = await portal.get(f"{at}/confirm?price={big.id}&code=half")
    moment = re.findall(r'name="at" value="(\d+)"', page.text)[0]
    if asks:
        # With a discount it is paid at once or not at all.
        await play.change_card(subscription.customer, ALWAYS_ASKS)
        refused = await portal.post(f"{at}/confirm", price=big.id, code="half", at=moment)
        assert refused.status_code == 402
        unchanged = await portal.subscription(subscription.id)
        assert (price_of(unchanged), unchanged.discounts) == ((small.id, 1), [])
        assert (await play.api.promotion_codes.retrieve_async(code.id)).times_redeemed == 0
        return
    await portal.posted(f"{at}/confirm", price=big.id, code="half", at=moment)
    changed = await portal.subscription(subscription.id)
    assert (price_of(changed), len(changed.discounts)) == ((big.id, 1), 1)
    invoice = (await play.api.invoices.list_async({"limit": 1})).data[0]
    assert due_today(page.text) == f"${invoice.amount_paid / 100:.2f}"
    # Sent twice, the code is used once.
    last = await play.last()
    await portal.posted(f"{at}/confirm", price=big.id, code="half", at=moment)
    assert await play.types(last) == []


@pytest.mark.parametrize("kind", ["two items", "ending", "scheduled by the shop", "paused"])
async def test_what_cannot_be_changed_is_not_offered(play: Play, kind: str) -> None:
    small, big = await plans(play)
    subscription = await play.subscribe(price=small)
    if kind == "two items":
        await play.api.subscriptions.update_async(subscription.id, {"items": [{"price": (await play.price()).id}]})
    elif kind == "ending":
        await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    elif kind == "paused":
        await play.api.subscriptions.pause_async(subscription.id)
    else:
        await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    portal = await arrive(play, subscription, small, big)
    at = f"/subscriptions/{subscription.id}"
    assert f"{portal.path}{at}/change" not in Outline((await portal.get()).text).links
    assert (await portal.get(f"{at}/change")).status_code == 403
    assert (await portal.post(f"{at}/confirm", price=big.id)).status_code == 403
    if kind == "scheduled by the shop":
        last = await play.last()
        await portal.posted(f"{at}/keep-plan")
        assert await play.types(last) == []
        assert (await portal.post(f"{at}/cancel")).status_code == 403


async def test_a_promotion_code_comes_with_a_change_that_waits(play: Play) -> None:
    small, big = await plans(play)
    coupon = await play.api.coupons.create_async({"percent_off": 50, "duration": "forever"})
    await play.api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"})
    subscription = await play.subscribe(price=big)
    later = {"schedule_at_period_end": {"conditions": [{"type": "decreasing_item_amount"}]}}
    allowed = {"default_allowed_updates": ["price", "promotion_code"]}
    portal = await arrive(play, subscription, small, big, **later, **allowed)
    await portal.posted(f"/subscriptions/{subscription.id}/confirm", price=small.id, code="half")
    await play.advance(32 * DAY)
    changed = await portal.subscription(subscription.id)
    assert price_of(changed) == (small.id, 1)
    assert (await play.api.invoices.retrieve_async(changed.latest_invoice)).total == 500
