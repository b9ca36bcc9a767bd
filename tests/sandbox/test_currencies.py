"""Money at Stripe's limits: one currency for each customer, and the amounts that each currency can have."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

COMBINED = "You cannot combine currencies on a single customer."


async def refused(call: Any) -> tuple[int | None, str | None, str | None]:
    """The status, code and parameter of a refusal."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    return caught.value.http_status, caught.value.code, caught.value.param


async def combined(call: Any, currency: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=COMBINED) as caught:
        await call
    assert (caught.value.http_status, caught.value.code) == (400, None)
    assert f"with currency {currency}." in str(caught.value)


async def buyer(play: Play) -> str:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"})
    method = (await play.api.payment_methods.list_async({"customer": customer.id})).data[0]
    await play.api.customers.update_async(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return str(customer.id)


async def subscribe(play: Play, customer: str, price: Any, **more: Any) -> Any:
    given = {"customer": customer, "items": [{"price": price.id}], **more}
    return await play.api.subscriptions.create_async(given)


async def test_a_customer_subscribes_in_one_currency_at_a_time(play: Play) -> None:
    dollars, euros = await play.price(), await play.price(currency="eur")
    customer = await buyer(play)
    subscription = await subscribe(play, customer, dollars)
    await subscribe(play, customer, await play.price())
    await combined(subscribe(play, customer, euros), "usd")
    await combined(play.session(euros, customer=customer), "usd")
    given: Any = {
        "customer": customer,
        "start_date": int(play.sandbox.now().timestamp()) + DAY,
        "phases": [{"items": [{"price": euros.id}], "duration": {"interval": "month", "interval_count": 1}}],
    }
    await combined(play.api.subscription_schedules.create_async(given), "usd")
    preview = {"customer": customer, "subscription_details": {"items": [{"price": euros.id}]}}
    await combined(play.api.invoices.create_preview_async(preview), "usd")
    assert len((await play.api.subscriptions.list_async({"customer": customer})).data) == 2
    # Another customer, and a purchase that is paid once, may have any currency.
    await subscribe(play, await buyer(play), euros)
    await play.pay(await play.session(await play.price(500, None, currency="eur"), customer=customer))
    assert subscription.status == "active"


async def test_a_subscription_that_has_ended_does_not_count(play: Play) -> None:
    customer = await buyer(play)
    subscription = await subscribe(play, customer, await play.price())
    await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    euros = await play.price(currency="eur")
    await combined(subscribe(play, customer, euros), "usd")
    await play.api.subscriptions.cancel_async(subscription.id)
    assert (await subscribe(play, customer, euros)).currency == "eur"


async def test_a_pending_invoice_item_and_a_schedule_that_has_not_started_count(play: Play) -> None:
    euros = await play.price(currency="eur")
    customer = await buyer(play)
    await play.api.invoice_items.create_async({"customer": customer, "amount": 500, "currency": "usd"})
    await combined(subscribe(play, customer, euros), "usd")
    other = await buyer(play)
    given: Any = {
        "customer": other,
        "start_date": int(play.sandbox.now().timestamp()) + DAY,
        "phases": [{"items": [{"price": euros.id}], "duration": {"interval": "month", "interval_count": 1}}],
    }
    schedule = await play.api.subscription_schedules.create_async(given)
    await combined(subscribe(play, other, await play.price()), "eur")
    await play.api.subscription_schedules.cancel_async(schedule.id)
    assert (await subscribe(play, other, await play.price())).currency == "usd"


async def test_a_schedule_cannot_change_the_currency_of_its_subscription(play: Play) -> None:
    dollars, euros = await play.price(), await play.price(currency="eur")
    subscription = await subscribe(play, await buyer(play), dollars)
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    month = {"duration": {"interval": "month", "interval_count": 1}}
    first = {"start_date": schedule.phases[0].start_date, **month}
    given: Any = {"phases": [{"items": [{"price": euros.id}], **first}]}
    await combined(play.api.subscription_schedules.update_async(schedule.id, given), "usd")
    many: Any = {"phases": [{"items": [{"price": dollars.id, "quantity": 100_000}], **first}]}
    call = play.api.subscription_schedules.update_async(schedule.id, many)
    assert await refused(call) == (400, "amount_too_large", "phases[0][items]")


async def test_a_schedule_that_has_not_started_may_change_its_currency(play: Play) -> None:
    dollars, euros = await play.price(), await play.price(currency="eur")
    start = int(play.sandbox.now().timestamp()) + DAY
    phase: Any = {"duration": {"interval": "month", "interval_count": 1}, "start_date": start}
    given: Any = {"customer": await buyer(play), "start_date": start, "phases": [{"items": [{"price": dollars.id}]}]}
    schedule = await play.api.subscription_schedules.create_async(given)
    update: Any = {"phases": [{"items": [{"price": euros.id}], **phase}]}
    changed = await play.api.subscription_schedules.update_async(schedule.id, update)
    assert changed.phases[0].currency == "eur"


async def test_a_page_that_was_opened_before_the_subscription_is_refused_when_it_is_paid(play: Play) -> None:
    customer = await buyer(play)
    first = await play.session(await play.price(), customer=customer)
    second = await play.session(await play.price(currency="eur"), customer=customer)
    assert (await play.pay(first)).status_code == 200
    answer = await play.pay(second)
    assert (answer.status_code, COMBINED in answer.text) == (400, True)
    assert (await play.api.checkout.sessions.retrieve_async(second.id)).status == "open"
    charges = (await play.api.charges.list_async({"customer": customer})).data
    assert [charge.currency for charge in charges] == ["usd"]


@pytest.mark.parametrize(
    ("amount", "currency", "taken"),
    [
        (150_000_000, "idr", True),
        (999_999_999_999, "idr", True),
        (1_000_000_000_000, "idr", False),
        (99_999_999, "usd", True),
        (100_000_000, "usd", False),
        (5120, "kwd", True),
        (5124, "kwd", False),
        (5125, "bhd", False),
        (5001, "jod", False),
        (5009, "omr", False),
        (1, "tnd", False),
        (150_000, "isk", True),
        (150_050, "isk", False),
        (150_050, "ugx", False),
        (10, "usd", True),
        (0, "kwd", True),
    ],
)
async def test_the_amounts_of_prices(play: Play, amount: int, currency: str, taken: bool) -> None:
    if taken:
        assert (await play.price(amount, currency=currency)).unit_amount == amount
    else:
        assert (await refused(play.price(amount, currency=currency)))[::2] == (400, "unit_amount")


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (999_999_999_999, "idr", None),
        (1_000_000_000_000, "idr", "parameter_invalid_integer"),
        (5120, "kwd", None),
        (5124, "kwd", "parameter_invalid_integer"),
        (150_050, "isk", "parameter_invalid_integer"),
        (150_050, "ugx", "parameter_invalid_integer"),
        (150_000, "ugx", None),
        (5, "kwd", "amount_too_small"),
    ],
)
async def test_the_amounts_of_payments(play: Play, amount: int, currency: str, code: str | None) -> None:
    call = play.api.payment_intents.create_async({"amount": amount, "currency": currency})
    if code is None:
        assert (await call).amount == amount
    else:
        assert await refused(call) == (400, code, "amount")


async def test_a_sum_with_too_many_digits(play: Play) -> None:
    price = await play.price(1_000_000)
    line: Any = [{"price": price.id, "quantity": 100}]
    more = {"mode": "subscription", "line_items": line, "success_url": "http://127.0.0.1:9/"}
    assert (await refused(play.api.checkout.sessions.create_async(more)))[:2] == (400, "amount_too_large")
    customer = await buyer(play)
    call = play.api.subscriptions.create_async({"customer": customer, "items": line})
    assert await refused(call) == (400, "amount_too_large", "items")
    subscription = await subscribe(play, customer, price)
    item = subscription["items"].data[0].id
    change = {"items": [{"id": item, "quantity": 100}]}
    assert (await refused(play.api.subscriptions.update_async(subscription.id, change)))[1] == "amount_too_large"
    rupiah = await play.price(1_000_000, currency="idr")
    more["line_items"] = [{"price": rupiah.id, "quantity": 100}]
    assert (await play.api.checkout.sessions.create_async(more)).amount_total == 100_000_000


async def test_a_total_below_the_minimum(play: Play) -> None:
    cheap = await play.price(10, None)
    assert (await refused(play.session(cheap)))[:2] == (400, "amount_too_small")
    with pytest.raises(stripe.InvalidRequestError, match=r"total amount due must add up to at least \$0\.50 usd"):
        await play.session(await play.price(49))
    five: Any = {"mode": "payment", "line_items": [{"price": cheap.id, "quantity": 5}]}
    more = {**five, "success_url": "http://127.0.0.1:9/"}
    assert (await play.api.checkout.sessions.create_async(more)).amount_total == 50
    # Nothing is charged for a free purchase, or during a trial.
    assert (await play.session(await play.price(0))).amount_total == 0
    trial = {"trial_period_days": 7}
    assert (await play.session(await play.price(10), subscription_data=trial)).amount_total == 0


async def test_a_discount_that_leaves_less_than_the_minimum(play: Play) -> None:
    coupon = await play.api.coupons.create_async({"percent_off": 96, "duration": "once"})
    code = await play.api.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "NEARLY"}
    )
    price = await play.price(1000)
    call = play.session(price, discounts=[{"promotion_code": code.id}])
    assert (await refused(call))[:2] == (400, "amount_too_small")
    session = await play.session(price, allow_promotion_codes=True)
    answer = await play.pay(session, promotionCode="NEARLY")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "amount_too_small")
    assert (await play.api.checkout.sessions.retrieve_async(session.id)).amount_total == 1000
    free = await play.api.coupons.create_async({"percent_off": 100, "duration": "once"})
    assert (await play.session(price, discounts=[{"coupon": free.id}])).amount_total == 0


@pytest.mark.parametrize(("currency", "step"), [("kwd", 10), ("isk", 100), ("ugx", 100)])
async def test_what_is_charged_is_a_whole_step(play: Play, currency: str, step: int) -> None:
    price = await play.price(5700, currency=currency)
    coupon = await play.api.coupons.create_async({"percent_off": 33.3, "duration": "once"})
    session = await play.session(price, discounts=[{"coupon": coupon.id}])
    assert session.amount_total % step == 0
    subscription = await play.subscribe(price=price)
    more = await play.price(8800, currency=currency)
    item = subscription["items"].data[0].id
    await play.advance(11 * DAY)
    change: Any = {"items": [{"id": item, "price": more.id}], "proration_behavior": "always_invoice"}
    changed = await play.api.subscriptions.update_async(subscription.id, change)
    invoice = await play.api.invoices.retrieve_async(changed.latest_invoice)
    assert (invoice.status, invoice.amount_paid % step) == ("paid", 0)
    assert invoice.ending_balance == invoice.total - invoice.amount_due
    charge = (await play.api.charges.list_async({"limit": 1})).data[0]
    assert charge.amount == invoice.amount_paid
    refund = {"charge": charge.id, "amount": step + 1}
    assert await refused(play.api.refunds.create_async(refund)) == (400, "parameter_invalid_integer", "amount")
    assert (await play.api.refunds.create_async({"charge": charge.id, "amount": step})).amount == step
