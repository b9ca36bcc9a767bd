"""What the phases of a schedule bill: prorations, discounts, what is sold once, periods that are cut short."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play
from tests.sandbox.test_life import HOUR, period, until_period_end
from tests.sandbox.test_schedules import MONTH, downgrade, kept, phase, scheduled


async def latest(play: Play, subscription_id: str) -> tuple[Any, Any]:
    found = await play.api.subscriptions.retrieve_async(subscription_id, {"expand": ["latest_invoice"]})
    return found, found.latest_invoice


async def items_made(play: Play, since: str) -> list[Any]:
    return [event.data.object for event in await play.events(since) if event.type == "invoiceitem.created"]


async def upgrade_in_the_middle(play: Play, behavior: str) -> tuple[Any, str]:
    """From 30.00 to 60.00 a month after half a period; answers the schedule, and the last event before that."""
    now = int(play.sandbox.now().timestamp())
    cheap, dear = await play.price(3000), await play.price(6000)
    schedule = await scheduled(
        play,
        phase(cheap, end_date=now + 15 * DAY),
        phase(dear, duration=MONTH, proration_behavior=behavior),
    )
    await play.advance(2 * HOUR)
    since = await play.last()
    await play.advance(15 * DAY)
    return schedule, since


@pytest.mark.parametrize("behavior", ["none", "create_prorations", "always_invoice"])
async def test_an_upgrade_in_the_middle_of_a_period(play: Play, behavior: str) -> None:
    schedule, since = await upgrade_in_the_middle(play, behavior)
    made = await items_made(play, since)
    subscription, invoice = await latest(play, schedule.subscription)
    start, end = period(subscription)
    share = (end - schedule.phases[1].start_date) / (end - start)
    if behavior == "none":
        assert made == []
        assert invoice.total == 3000
        return
    credit, charge = made
    assert (abs(credit.amount + 3000 * share) <= 1, abs(charge.amount - 6000 * share) <= 1) == (True, True)
    if behavior == "always_invoice":
        assert (invoice.total, invoice.status) == (credit.amount + charge.amount, "paid")
        assert invoice.billing_reason == "subscription_update"
        return
    await until_period_end(play, subscription, 2 * HOUR)
    _, invoice = await latest(play, schedule.subscription)
    assert invoice.total == credit.amount + charge.amount + 6000


async def test_another_interval_in_the_middle(play: Play) -> None:
    now = int(play.sandbox.now().timestamp())
    monthly, yearly = await play.price(3000), await play.price(20000, "year")
    schedule = await scheduled(
        play, phase(monthly, end_date=now + 15 * DAY), phase(yearly, duration={"interval": "year"})
    )
    await play.advance(15 * DAY + 2 * HOUR)
    subscription, invoice = await latest(play, schedule.subscription)
    assert subscription.billing_cycle_anchor == period(subscription)[0] == now + 15 * DAY
    assert period(subscription)[1] == schedule.phases[1].end_date
    assert invoice.status == "paid"
    assert 20000 - 1600 < invoice.total < 20000 - 1300


async def test_the_current_phase_is_changed_with_proration(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    start, end = period(subscription)
    await play.advance((end - start) / 2)
    first = kept(schedule) | {"items": [{"price": schedule.phases[0]["items"][0].price, "quantity": 2}]}
    given = {"phases": [first, phase(cheaper, duration=MONTH)], "proration_behavior": "always_invoice"}
    await play.api.subscription_schedules.update_async(schedule.id, given)
    _, invoice = await latest(play, subscription.id)
    assert invoice.status == "paid"
    assert abs(invoice.total - 2500) <= 1
    # And down at the end of the period, without any.
    await until_period_end(play, subscription, 2 * HOUR)
    _, invoice = await latest(play, subscription.id)
    assert (invoice.total, len(invoice.lines.data)) == (2000, 1)


@pytest.mark.parametrize("once", [True, False])
async def test_a_coupon_for_the_first_phase(play: Play, once: bool) -> None:
    coupon = await play.api.coupons.create_async({"percent_off": 50, "duration": "once" if once else "forever"})
    price = await play.price(1000)
    first = phase(price, duration={"interval": "month", "interval_count": 2}, discounts=[{"coupon": coupon.id}])
    since = (await play.api.events.list_async({"limit": 1})).data[0].id
    schedule = await scheduled(play, first, phase(price, duration=MONTH))
    assert [entry.coupon for entry in schedule.phases[0].discounts] == [coupon.id]
    assert schedule.phases[1].discounts == []
    totals = []
    for _ in range(4):
        await play.advance(2 * HOUR)
        subscription, invoice = await latest(play, schedule.subscription)
        totals.append(invoice.total)
        await until_period_end(play, subscription)
    assert totals == ([500, 1000, 1000, 1000] if once else [500, 500, 1000, 1000])
    assert (await play.api.coupons.retrieve_async(coupon.id)).times_redeemed == 1
    assert (await play.types(since)).count("customer.discount.deleted") == 1


async def test_a_coupon_on_an_item(play: Play) -> None:
    coupon = await play.api.coupons.create_async({"amount_off": 300, "currency": "usd", "duration": "forever"})
    one, two = await play.price(1000), await play.price(2000)
    items = [{"price": one.id, "discounts": [{"coupon": coupon.id}]}, {"price": two.id}]
    schedule = await scheduled(play, {"items": items, "duration": MONTH})
    subscription, invoice = await latest(play, schedule.subscription)
    assert (invoice.subtotal, invoice.total) == (3000, 2700)
    assert [len(item.discounts) for item in subscription["items"].data] == [1, 0]
    # The same again: nothing is granted twice.
    given = phase(one, start_date=schedule.phases[0].start_date, duration=MONTH) | {"items": items}
    await play.api.subscription_schedules.update_async(schedule.id, {"phases": [given]})
    assert (await play.api.coupons.retrieve_async(coupon.id)).times_redeemed == 1


async def test_what_is_sold_once(play: Play) -> None:
    price, setup = await play.price(1000), await play.price(700, None)
    extra = {
        "add_invoice_items": [
            {
                "price": setup.id,
                "quantity": 2,
                "period": {"start": {"type": "phase_start"}, "end": {"type": "phase_end"}},
            }
        ]
    }
    schedule = await scheduled(play, phase(price, duration=MONTH, **extra), phase(price, duration=MONTH, **extra))
    assert schedule.phases[0].add_invoice_items[0].price == setup.id
    _, invoice = await latest(play, schedule.subscription)
    assert (invoice.total, len(invoice.lines.data)) == (2400, 2)
    sold = next(line for line in invoice.lines.data if line.amount == 1400)
    assert (sold.period.start, sold.period.end) == (schedule.phases[0].start_date, schedule.phases[0].end_date)
    await play.advance(2 * HOUR)
    subscription, _ = await latest(play, schedule.subscription)
    await until_period_end(play, subscription, 2 * HOUR)
    _, invoice = await latest(play, schedule.subscription)
    assert (invoice.total, invoice.status) == (2400, "paid")


async def test_settings_of_the_invoices(play: Play) -> None:
    price = await play.price(1000)
    settings = {"footer": "Thank you", "custom_fields": [{"name": "PO", "value": "7"}]}
    schedule = await scheduled(
        play, phase(price, duration=MONTH), default_settings={"invoice_settings": settings, "description": "A"}
    )
    assert schedule.default_settings.invoice_settings.footer == "Thank you"
    subscription, _ = await latest(play, schedule.subscription)
    assert (subscription.invoice_settings.footer, subscription.invoice_settings.custom_fields[0].value) == (
        "Thank you",
        "7",
    )


async def test_a_schedule_that_ends_within_a_period(play: Play) -> None:
    now = int(play.sandbox.now().timestamp())
    schedule = await scheduled(play, phase(await play.price(3000), end_date=now + 10 * DAY), end_behavior="cancel")
    subscription, invoice = await latest(play, schedule.subscription)
    assert (subscription.cancel_at, period(subscription)[1]) == (now + 10 * DAY, now + 10 * DAY)
    assert 960 <= invoice.total <= 1080
    await play.advance(10 * DAY + 60)
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", now + 10 * DAY)


async def test_releasing_gives_the_whole_period_back(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(3000))
    start, end = period(subscription)
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    first = kept(schedule) | {"end_date": start + 10 * DAY}
    given = {"phases": [first], "end_behavior": "cancel"}
    await play.api.subscription_schedules.update_async(schedule.id, given)
    assert period(await play.api.subscriptions.retrieve_async(subscription.id))[1] == start + 10 * DAY
    await play.api.subscription_schedules.release_async(schedule.id)
    back = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (back.cancel_at, period(back)[1]) == (None, end)
    await until_period_end(play, back, 2 * HOUR)
    _, invoice = await latest(play, subscription.id)
    assert invoice.total == 3000


async def test_canceling_gives_unused_time_back(play: Play) -> None:
    subscription, schedule, _ = await downgrade(play)
    start, end = period(subscription)
    await play.advance((end - start) / 2)
    await play.api.subscription_schedules.cancel_async(schedule.id)
    over, invoice = await latest(play, subscription.id)
    assert (over.status, invoice.status) == ("canceled", "paid")
    assert abs(invoice.total + 2500) <= 1
    customer = await play.api.customers.retrieve_async(subscription.customer)
    assert customer.balance == invoice.total


async def test_the_next_invoice_is_announced_with_the_new_price(play: Play) -> None:
    subscription, _, _ = await downgrade(play)
    since = await play.last()
    await until_period_end(play, subscription, -6 * DAY)
    (upcoming,) = await play.events(since, upcoming=True)
    assert upcoming.data.object.total == 2000


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"discounts": [{"coupon": "nobody"}]}, "phases[0][discounts][0][coupon]"),
        ({"discounts": [{"discount": "di_nobody"}]}, "phases[0][discounts][0][discount]"),
        ({"discounts": [{"promotion_code": "promo_nobody"}]}, "phases[0][discounts][0][promotion_code]"),
        ({"add_invoice_items": [{"price": "monthly"}]}, "phases[0][add_invoice_items][0][price]"),
        ({"add_invoice_items": [{"quantity": 2}]}, "phases[0][add_invoice_items][0][price]"),
        (
            {
                "add_invoice_items": [
                    {"price": "once", "period": {"start": {"type": "timestamp"}, "end": {"type": "phase_end"}}}
                ]
            },
            "phases[0][add_invoice_items][0][period][start][timestamp]",
        ),
        ({"items": [{"price": "monthly"}, {"price": "monthly"}]}, "phases[0][items]"),
        ({"items": [{"price": "monthly", "tax_rates": ["txr_1"]}]}, "phases[0][items][0][tax_rates]"),
        ({"invoice_settings": {"days_until_due": 3}}, "phases[0][invoice_settings][days_until_due]"),
    ],
)
async def test_refused(play: Play, change: dict[str, Any], param: str) -> None:
    named = {"monthly": (await play.price()).id, "once": (await play.price(100, None)).id}
    given = {"items": [{"price": "monthly"}], "duration": MONTH, **change}
    for name in ("items", "add_invoice_items"):
        for item in given.get(name, []):
            if "price" in item:
                item["price"] = named.get(item["price"], item["price"])
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await scheduled(play, given)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert (await play.api.subscription_schedules.list_async({})).data == []


async def test_a_phase_keeps_its_coupon_when_that_is_deleted(play: Play) -> None:
    price, off = await play.price(1000), await play.api.coupons.create_async({"percent_off": 10, "duration": "forever"})
    code = {"promotion": {"type": "coupon", "coupon": off.id}, "code": "TEN"}
    promotion_code = await play.api.promotion_codes.create_async(code)
    schedule = await scheduled(
        play,
        phase(price, duration=MONTH),
        phase(price, duration=MONTH, discounts=[{"coupon": off.id}]),
        phase(price, duration=MONTH, discounts=[{"promotion_code": promotion_code.id}]),
    )
    await play.api.coupons.delete_async(off.id)
    for _ in range(2):
        subscription, _ = await latest(play, schedule.subscription)
        await until_period_end(play, subscription, 2 * HOUR)
        _, invoice = await latest(play, schedule.subscription)
        assert (invoice.subtotal, invoice.total, invoice.status) == (1000, 900, "paid")
