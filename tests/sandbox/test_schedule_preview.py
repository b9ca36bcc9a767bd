"""What a schedule will bill, before it does."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

HOUR = 3600


def phase(price: Any, **more: Any) -> dict[str, Any]:
    return {"items": [{"price": price.id, "quantity": 1}], **more}


def shape(invoice: Any) -> list[tuple[int, str]]:
    return [(line.amount, line.description.partition(" after ")[0]) for line in invoice.lines.data]


async def preview(play: Play, **given: Any) -> Any:
    return await play.api.invoices.create_preview_async(given)


async def around(play: Play) -> tuple[Any, Any]:
    subscription = await play.subscribe(price=await play.price(1000))
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    return subscription, schedule


def current(schedule: Any) -> dict[str, Any]:
    first = schedule.phases[0]
    items = [{"price": item.price, "quantity": item.quantity} for item in first["items"]]
    return {"items": items, "start_date": first.start_date, "end_date": first.end_date}


async def test_a_downgrade_at_the_end_of_the_period(play: Play) -> None:
    subscription, schedule = await around(play)
    cheaper = await play.price(400)
    details = {"phases": [current(schedule), phase(cheaper)]}
    as_it_is = await preview(play, schedule=schedule.id)
    after = await preview(play, schedule=schedule.id, schedule_details=details)
    assert (as_it_is.amount_due, after.amount_due) == (1000, 400)
    # Nothing came of asking.
    assert len((await play.api.subscription_schedules.retrieve_async(schedule.id)).phases) == 1
    await play.api.subscription_schedules.update_async(schedule.id, details)
    assert (await preview(play, schedule=schedule.id)).amount_due == 400
    await play.advance(32 * DAY)
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert shape(renewed.latest_invoice) == shape(after)


async def test_a_change_that_is_billed_at_once(play: Play) -> None:
    _, schedule = await around(play)
    dearer = await play.price(3000)
    changed = current(schedule) | phase(dearer)
    given = {"phases": [changed], "proration_behavior": "always_invoice"}
    at_once = await preview(play, schedule=schedule.id, schedule_details=given)
    assert at_once.amount_due == 2000
    later = await preview(play, schedule=schedule.id, schedule_details=given, preview_mode="recurring")
    assert later.amount_due == 3000


async def test_one_that_starts_later(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"})
    start = int(customer.created) + 5 * DAY
    given = {"customer": customer.id, "start_date": start, "phases": [phase(await play.price(700))]}
    schedule = await play.api.subscription_schedules.create_async(given)
    shown = await preview(play, schedule=schedule.id, customer=customer.id)
    assert (shown.amount_due, shown.created >= start) == (700, True)
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).status == "not_started"


async def test_one_that_is_not_there_yet(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    details = {"phases": [phase(await play.price(700), duration={"interval": "month"})]}
    shown = await preview(play, customer=customer.id, schedule_details=details)
    assert (shown.amount_due, shown.customer) == (700, customer.id)
    assert (await play.api.subscription_schedules.list_async({"customer": customer.id})).data == []


async def test_refused(play: Play) -> None:
    subscription, schedule = await around(play)
    other = await play.api.customers.create_async({})
    price = await play.price()
    for given, status, code, param in (
        ({"schedule": "sub_sched_none"}, 400, "resource_missing", "schedule"),
        ({"schedule": schedule.id, "subscription": subscription.id}, 400, "parameters_exclusive", "subscription"),
        (
            {"schedule": schedule.id, "subscription_details": {"items": [{"price": price.id}]}},
            400,
            "parameters_exclusive",
            "subscription_details",
        ),
        ({"schedule": schedule.id, "customer": other.id}, 400, None, "schedule"),
        ({"schedule_details": {"phases": [phase(price)]}}, 400, "parameter_missing", "customer"),
        ({"customer": other.id, "schedule_details": {"end_behavior": "cancel"}}, 400, "parameter_missing", None),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await preview(play, **given)
        assert (refused.value.http_status, refused.value.code) == (status, code), given
        assert param in (None, refused.value.param), given
    await play.api.subscription_schedules.release_async(schedule.id)
    with pytest.raises(stripe.InvalidRequestError, match="released"):
        await preview(play, schedule=schedule.id)


async def test_the_next_of_a_customer_whose_first_subscription_is_paused(play: Play) -> None:
    paused = await play.subscribe(price=await play.price(1000))
    await play.api.subscriptions.pause_async(paused.id, {"type": "subscription"})
    assert await refused_preview(play, customer=paused.customer) == (404, "invoice_upcoming_none")
    price = await play.price(300)
    given = {"customer": paused.customer, "items": [{"price": price.id}]}
    await play.api.subscriptions.create_async(given | {"default_payment_method": paused.default_payment_method})
    assert (await preview(play, customer=paused.customer)).amount_due == 300


async def refused_preview(play: Play, **given: Any) -> tuple[int | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await preview(play, **given)
    return refused.value.http_status, refused.value.code
