"""Coupons and promotion codes at the checkout, and what they do to later invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY

if TYPE_CHECKING:
    from tests.sandbox.play import Play

CARD = {"card": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123", "email": "a@example.com"}


async def coupon(play: Play, **value: Any) -> Any:
    return await play.api.coupons.create_async(value)


async def code(play: Play, text: str, coupon_: Any, **more: Any) -> Any:
    promotion = {"type": "coupon", "coupon": coupon_.id}
    return await play.api.promotion_codes.create_async({"promotion": promotion, "code": text, **more})


async def with_coupon(play: Play, *prices: Any, off: Any, **more: Any) -> Any:
    session = await play.session(*prices, discounts=[{"coupon": off.id}], **more)
    paid = await play.pay(session)
    assert paid.status_code == 200, paid.text
    expand = ["total_details.breakdown", "line_items", "discounts.coupon", "invoice", "payment_intent"]
    return await play.api.checkout.sessions.retrieve_async(session.id, {"expand": expand})


async def test_a_purchase_with_money_off(play: Play) -> None:
    off = await coupon(play, amount_off=1234, currency="usd")
    one, two = await play.price(5000, None), await play.price(3000, None)
    done = await with_coupon(play, one, two, off=off, invoice_creation={"enabled": True})
    assert (done.amount_subtotal, done.amount_total, done.total_details.amount_discount) == (8000, 6766, 1234)
    assert [line.amount_discount for line in done.line_items.data] == [771, 463]
    assert done.discounts[0].coupon.id == off.id
    (taken,) = done.total_details.breakdown.discounts
    assert (taken.amount, taken.discount.source.coupon) == (1234, off.id)
    assert done.payment_intent is None or done.payment_intent.amount == 6766
    assert (done.invoice.subtotal, done.invoice.total, done.invoice.amount_paid) == (8000, 6766, 6766)
    assert [entry.amount for entry in done.invoice.total_discount_amounts] == [1234]
    assert (await play.api.coupons.retrieve_async(off.id)).times_redeemed == 1


@pytest.mark.parametrize(
    ("duration", "paid"),
    [
        ({"duration": "once"}, [750, 1000, 1000, 1000]),
        ({"duration": "repeating", "duration_in_months": 2}, [750, 750, 1000, 1000]),
        ({"duration": "forever"}, [750, 750, 750, 750]),
    ],
)
async def test_how_long_a_coupon_holds(play: Play, duration: dict[str, Any], paid: list[int]) -> None:
    off = await coupon(play, percent_off=25, **duration)
    done = await with_coupon(play, await play.price(1000), off=off)
    await play.advance(100 * DAY)
    invoices = await play.api.invoices.list_async({"subscription": done.subscription})
    assert [one.amount_paid for one in invoices.data][::-1] == paid
    subscription = await play.api.subscriptions.retrieve_async(done.subscription, {"expand": ["discounts"]})
    holds = duration["duration"] == "forever"
    assert [one.source.coupon for one in subscription.discounts] == ([off.id] if holds else [])
    kinds = await play.types()
    assert kinds.count("customer.discount.created") == 1
    assert kinds.count("customer.discount.deleted") == (0 if holds else 1)


async def test_nothing_to_pay_needs_no_payment(play: Play) -> None:
    off = await coupon(play, percent_off=100)
    session = await play.session(await play.price(1000, None), discounts=[{"coupon": off.id}])
    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")
    paid = await play.pay(session)
    assert paid.json()["paymentStatus"] == "no_payment_required"
    done = await play.api.checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.payment_intent) == ("complete", None)
    assert (await play.api.charges.list_async()).data == []


async def test_a_free_first_month_is_paid_later(play: Play) -> None:
    off = await coupon(play, percent_off=100, duration="once")
    done = await with_coupon(play, await play.price(1000), off=off)
    assert (done.payment_status, done.invoice.amount_paid, done.invoice.status) == ("no_payment_required", 0, "paid")
    await play.advance(32 * DAY)
    subscription = await play.api.subscriptions.retrieve_async(done.subscription, {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.latest_invoice.amount_paid) == ("active", 1000)


async def test_a_coupon_for_once_waits_for_the_end_of_a_trial(play: Play) -> None:
    off = await coupon(play, percent_off=50, duration="once")
    trial = {"subscription_data": {"trial_period_days": 7}}
    done = await with_coupon(play, await play.price(1000), off=off, **trial)
    assert done.amount_total == 0
    await play.advance(40 * DAY)
    invoices = await play.api.invoices.list_async({"subscription": done.subscription})
    assert [one.amount_paid for one in invoices.data][::-1] == [0, 500, 1000]


async def test_a_code_is_typed_on_the_page_and_taken_back(play: Play) -> None:
    half = await coupon(play, percent_off=50, max_redemptions=1)
    await code(play, "HALF", half)
    session = await play.session(await play.price(1000, None), allow_promotion_codes=True)
    page = f"/c/pay/{session.id}"
    assert "Promotion code" in (await play.http.get(page)).text
    wrong = await play.http.post(f"{page}/promotion", data={"code": "<NOTHING>"})
    assert (wrong.status_code, "This code is invalid." in wrong.text) == (400, True)
    assert "&lt;NOTHING&gt;" in wrong.text
    right = await play.http.post(f"{page}/promotion", data={"code": " half "})
    assert (right.status_code, right.headers["location"]) == (303, page)
    shown = (await play.http.get(page)).text
    assert "-$5.00" in shown
    assert "Pay $5.00" in shown
    await play.http.post(f"{page}/promotion", data={"remove": "yes"})
    assert "Pay $10.00" in (await play.http.get(page)).text
    await play.http.post(f"{page}/promotion", data={"code": "HALF"})
    # Used up by somebody else before the button is pressed: told, and nothing is charged.
    await with_coupon(play, await play.price(900, None), off=half)
    refused = await play.http.post(page, data=CARD)
    assert refused.status_code == 400
    assert "not active" in refused.text
    found = await play.api.checkout.sessions.retrieve_async(session.id)
    assert (found.status, found.payment_intent) == ("open", None)


async def test_a_code_by_the_control_that_plays_the_buyer(play: Play) -> None:
    promo = await code(play, "TEN", await coupon(play, percent_off=10, duration="forever"))
    session = await play.session(await play.price(1000), allow_promotion_codes=True)
    refused = await play.pay(session, promotionCode="ELEVEN")
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "This code is invalid.")
    assert (await play.pay(session, promotionCode="ten")).status_code == 200
    done = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert (done.amount_total, done.invoice.amount_paid) == (900, 900)
    assert (done.discounts[0].promotion_code, done.discounts[0].coupon) == (promo.id, None)
    assert (await play.api.promotion_codes.retrieve_async(promo.id)).times_redeemed == 1
    closed = await play.session(await play.price(1000))
    assert (await play.pay(closed, promotionCode="ten")).status_code == 400


async def test_codes_that_do_not_hold(play: Play) -> None:
    off = await coupon(play, percent_off=10)
    customer = await play.api.customers.create_async({})
    price = await play.price(1000, None)
    mine = await code(play, "MINE", off, customer=customer.id)
    big = await code(play, "BIG", off, restrictions={"minimum_amount": 1001, "minimum_amount_currency": "usd"})
    first = await code(play, "FIRST", off, restrictions={"first_time_transaction": True})
    off_now = await code(play, "OFF", off, active=False)
    euro = await coupon(play, amount_off=100, currency="eur")

    async def refused(entry: dict[str, str], **more: Any) -> stripe.InvalidRequestError:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await play.session(price, discounts=[entry], **more)
        return refusal.value

    for one in (mine, big, off_now):
        assert (await refused({"promotion_code": one.id})).param == "discounts[0][promotion_code]"
    assert (await refused({"coupon": euro.id})).param == "discounts[0][coupon]"
    assert (await refused({"coupon": "NOTHING"})).code == "resource_missing"
    both = await refused({"coupon": off.id}, allow_promotion_codes=True)
    assert both.code == "parameters_exclusive"
    for one in (first, mine):
        session = await play.session(price, customer=customer.id, discounts=[{"promotion_code": one.id}])
        assert session.amount_total == 900
        assert (await play.pay(session)).status_code == 200
    again = await refused({"promotion_code": first.id}, customer=customer.id)
    assert "prior transactions" in str(again)


async def test_a_discount_in_use_outlives_its_coupon(play: Play) -> None:
    off = await coupon(play, percent_off=50, duration="forever")
    done = await with_coupon(play, await play.price(1000), off=off)
    await play.api.coupons.delete_async(off.id)
    await play.advance(32 * DAY)
    invoices = await play.api.invoices.list_async({"subscription": done.subscription, "expand": ["data.discounts"]})
    assert [one.amount_paid for one in invoices.data] == [500, 500]


@pytest.mark.parametrize("typed", [False, True])
async def test_a_coupon_that_is_deleted_before_the_buyer_pays(play: Play, typed: bool) -> None:
    off = await coupon(play, percent_off=50, duration="once")
    await code(play, "HALF", off)
    offered = {"allow_promotion_codes": True} if typed else {"discounts": [{"coupon": off.id}]}
    session = await play.session(await play.price(), **offered)
    if typed:
        assert (await play.http.post(f"{session.url}/promotion", data={"code": "HALF"})).status_code == 303
    await play.api.coupons.delete_async(off.id)
    assert (await play.http.get(session.url)).status_code == 200
    refused = await play.pay(session)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "promotion_code" if typed else "discounts")
    if typed:
        await play.http.post(f"{session.url}/promotion", data={"remove": "yes"})
        assert (await play.pay(session)).status_code == 200
        assert (await play.api.checkout.sessions.retrieve_async(session.id)).amount_total == 1000
