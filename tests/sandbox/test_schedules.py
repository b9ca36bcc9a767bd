"""Subscription schedules: phases that follow each other, at the end of a period without proration, and every end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play
from tests.sandbox.test_life import HOUR, RENEWED, period, until_period_end

MONTH = {"interval": "month", "interval_count": 1}


def phase(price: Any, **more: Any) -> dict[str, Any]:
    return {"items": [{"price": price.id, "quantity": 1}], **more}


def kept(schedule: Any) -> dict[str, Any]:
    """The current phase as it is, to be given again."""
    first = schedule.phases[0]
    items = [{"price": item.price, "quantity": item.quantity} for item in first["items"]]
    return {"items": items, "start_date": first.start_date, "end_date": first.end_date}


async def customer_with_card(play: Play, card: str = "pm_card_visa") -> Any:
    customer = await play.api.customers.create_async({})
    method = await play.api.payment_methods.attach_async(card, {"customer": customer.id})
    settings = {"invoice_settings": {"default_payment_method": method.id}}
    return await play.api.customers.update_async(customer.id, settings)


async def scheduled(play: Play, *phases: dict[str, Any], start: Any = "now", **more: Any) -> Any:
    customer = more.pop("customer", None) or (await customer_with_card(play)).id
    given = {"customer": customer, "start_date": start, "phases": list(phases), **more}
    return await play.api.subscription_schedules.create_async(given)


async def downgrade(play: Play, **more: Any) -> tuple[Any, Any, Any]:
    """A subscription, the schedule around it, and the price that it turns to when its period ends."""
    subscription = await play.subscribe(price=await play.price(5000))
    cheaper = await play.price(2000)
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    schedule = await play.api.subscription_schedules.update_async(
        schedule.id, {"phases": [kept(schedule), phase(cheaper, duration=MONTH)], **more}
    )
    return subscription, schedule, cheaper


async def test_around_a_subscription(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(5000))
    since = await play.last()
    schedule = await play.api.subscription_schedules.create_async(
        {"from_subscription": subscription.id, "expand": ["subscription"]}
    )
    assert (schedule.status, schedule.end_behavior) == ("active", "release")
    assert (schedule.subscription.id, schedule.subscription.schedule) == (subscription.id, schedule.id)
    start, end = period(subscription)
    assert (schedule.current_phase.start_date, schedule.current_phase.end_date) == (start, end)
    (only,) = schedule.phases
    assert (only["items"][0].price, only["items"][0].quantity) == (subscription["items"].data[0].price.id, 1)
    events = await play.events(since)
    assert [event.type for event in events] == ["subscription_schedule.created", "customer.subscription.updated"]
    assert events[1].data.previous_attributes.to_dict() == {"schedule": None}
    listed = await play.api.subscription_schedules.list_async({"customer": subscription.customer})
    assert [entry.id for entry in listed.data] == [schedule.id]
    # Its one phase ends with the period: released, and renewed as ever.
    since = await play.last()
    await until_period_end(play, subscription, 60)
    assert await play.types(since) == [
        "subscription_schedule.expiring",
        "subscription_schedule.released",
        "customer.subscription.updated",
        "invoice.created",
        "customer.subscription.updated",
    ]
    released = await play.api.subscription_schedules.retrieve_async(schedule.id)
    assert (released.status, released.subscription, released.released_at) == ("released", None, end)
    assert (released.released_subscription, released.current_phase) == (subscription.id, None)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).schedule is None


async def test_a_downgrade_at_the_end_of_the_period(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    _, end = period(subscription)
    assert [entry.start_date for entry in schedule.phases][1] == end
    since = await play.last()
    await until_period_end(play, subscription, 60)
    events = await play.events(since)
    assert [event.type for event in events] == [
        "customer.subscription.updated",
        "subscription_schedule.updated",
        "invoice.created",
        "customer.subscription.updated",
    ]
    assert {event.created for event in events} == {end}
    turned = events[0].data
    assert turned.previous_attributes["items"]["data"][0]["price"]["unit_amount"] == 5000
    assert turned.object["items"].data[0].price.id == cheaper.id
    assert events[1].data.previous_attributes["current_phase"]["end_date"] == end
    draft = events[2].data.object
    assert (draft.total, draft.billing_reason, len(draft.lines.data)) == (2000, "subscription_cycle", 1)
    assert draft.lines.data[0].parent.subscription_item_details.proration is False
    renewed = await play.api.subscriptions.retrieve_async(subscription.id)
    assert renewed.billing_cycle_anchor == subscription.billing_cycle_anchor
    assert (period(renewed)[0], len(renewed["items"].data)) == (end, 1)
    await play.advance(HOUR)
    assert (await play.types(since))[4:] == RENEWED
    # A month later the schedule is done, the subscription is not.
    await until_period_end(play, renewed, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.schedule, after.status, after.latest_invoice.total) == (None, "active", 2000)


async def test_to_another_interval(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(1000))
    yearly = await play.price(10000, "year")
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    given = {"phases": [kept(schedule), phase(yearly, duration={"interval": "year"})]}
    await play.api.subscription_schedules.update_async(schedule.id, given)
    _, end = period(subscription)
    await until_period_end(play, subscription, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice", "schedule"]})
    assert after.billing_cycle_anchor == end
    assert period(after) == (end, after.schedule.current_phase.end_date)
    assert 365 * DAY <= period(after)[1] - end <= 366 * DAY
    assert (after.latest_invoice.total, after.latest_invoice.status) == (10000, "paid")


async def test_releasing_takes_the_change_back(play: Play) -> None:
    subscription, schedule, _ = await downgrade(play)
    since = await play.last()
    released = await play.api.subscription_schedules.release_async(schedule.id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)
    assert await play.types(since) == ["subscription_schedule.released", "customer.subscription.updated"]
    await until_period_end(play, subscription, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.latest_invoice.total, after.schedule) == (5000, None)
    for verb in ("release", "cancel", "update"):
        with pytest.raises(stripe.InvalidRequestError, match="currently in the `released` status"):
            await getattr(play.api.subscription_schedules, f"{verb}_async")(schedule.id, {})


@pytest.mark.parametrize("given", [{"cancel_at_period_end": True}, {"cancel_at": "min_period_end"}, {"cancel_at": ""}])
async def test_its_end_is_the_schedules_to_say(play: Play, given: dict[str, Any]) -> None:
    subscription, schedule, _ = await downgrade(play)
    with pytest.raises(stripe.InvalidRequestError, match=f"managed by the subscription schedule `{schedule.id}`"):
        await play.api.subscriptions.update_async(subscription.id, given)
    await play.api.subscription_schedules.release_async(schedule.id)
    await play.api.subscriptions.update_async(subscription.id, given)


async def test_a_schedule_that_cancels(play: Play) -> None:
    price = await play.price(1000)
    since = await play.last()
    schedule = await scheduled(play, phase(price, duration=MONTH), phase(price, duration=MONTH), end_behavior="cancel")
    types = await play.types(since)
    assert types[-3:] == ["customer.subscription.created", "invoice.created", "subscription_schedule.created"]
    subscription = await play.api.subscriptions.retrieve_async(schedule.subscription, {"expand": ["latest_invoice"]})
    draft = subscription.latest_invoice
    assert (subscription.status, subscription.cancel_at) == ("active", None)
    assert (draft.status, draft.billing_reason, draft.total) == ("draft", "subscription_create", 1000)
    assert draft.automatically_finalizes_at == draft.created + HOUR
    await play.advance(2 * HOUR)
    assert (await play.api.invoices.retrieve_async(draft.id)).status == "paid"
    # The last phase says when it ends, a week before that there is a warning, and then it is over.
    await until_period_end(play, subscription, 2 * HOUR)
    last = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (last.status, last.cancel_at) == ("active", schedule.phases[1].end_date)
    since = await play.last()
    await until_period_end(play, last, 2 * HOUR)
    assert await play.types(since) == [
        "subscription_schedule.expiring",
        "subscription_schedule.completed",
        "customer.subscription.deleted",
    ]
    done = await play.api.subscription_schedules.retrieve_async(schedule.id)
    assert (done.status, done.completed_at) == ("completed", schedule.phases[1].end_date)
    assert (await play.events(since))[0].created == schedule.phases[1].end_date - 7 * DAY


async def test_starting_later(play: Play) -> None:
    customer = await customer_with_card(play)
    start = int(play.sandbox.now().timestamp()) + 10 * DAY
    given = phase(await play.price(1000), duration={"interval": "month", "interval_count": 3}, metadata={"plan": "a"})
    schedule = await scheduled(play, given, start=start, customer=customer.id, metadata={"order": "7"})
    assert (schedule.status, schedule.subscription, schedule.current_phase) == ("not_started", None, None)
    assert schedule.metadata.to_dict() == {"order": "7"}
    waiting = await play.api.subscription_schedules.list_async({"scheduled": True})
    assert [entry.id for entry in waiting.data] == [schedule.id]
    assert (await play.api.subscriptions.list_async({"customer": customer.id})).data == []
    since = await play.last()
    await play.advance(10 * DAY + 60)
    assert await play.types(since) == [
        "customer.subscription.created",
        "invoice.created",
        "subscription_schedule.updated",
    ]
    (subscription,) = (await play.api.subscriptions.list_async({"customer": customer.id})).data
    assert (subscription.start_date, subscription.schedule) == (start, schedule.id)
    assert (period(subscription)[0], subscription.metadata.to_dict()) == (start, {"plan": "a"})
    assert (await play.api.subscription_schedules.list_async({"scheduled": True})).data == []


async def test_starting_in_the_past(play: Play) -> None:
    start = int(play.sandbox.now().timestamp()) - 40 * DAY
    schedule = await scheduled(
        play, phase(await play.price(1000), duration={"interval": "month", "interval_count": 12}), start=start
    )
    subscription = await play.api.subscriptions.retrieve_async(schedule.subscription, {"expand": ["latest_invoice"]})
    assert (subscription.start_date, subscription.billing_cycle_anchor) == (start, start)
    now = int(play.sandbox.now().timestamp())
    assert period(subscription)[0] <= now < period(subscription)[1]
    lines = subscription.latest_invoice.lines.data
    assert (subscription.latest_invoice.total, lines[0].period.start) == (2000, start)
    assert lines[0].period.end == lines[1].period.start == period(subscription)[0]


async def test_months_keep_their_day(play: Play) -> None:
    """From the 31st, phases end where the billing periods do."""
    now = play.sandbox.now()
    answer = await play.http.post("/_sandbox/clock/advance", json={"to": f"{now.year + 1}-01-31T12:00:00Z"})
    assert answer.status_code == 200
    price = await play.price(1000)
    schedule = await scheduled(play, phase(price, duration=MONTH), phase(price, duration=MONTH))
    subscription = await play.api.subscriptions.retrieve_async(schedule.subscription)
    assert schedule.phases[0].end_date == period(subscription)[1]
    await until_period_end(play, subscription, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(schedule.subscription)
    assert schedule.phases[1].end_date == period(renewed)[1]


async def test_without_a_length_a_phase_is_one_period(play: Play) -> None:
    schedule = await scheduled(play, phase(await play.price(1000, "year")))
    assert 365 * DAY <= schedule.phases[0].end_date - schedule.phases[0].start_date <= 366 * DAY


@pytest.mark.parametrize("whole", [True, False])
async def test_a_trial_phase(play: Play, whole: bool) -> None:
    now = int(play.sandbox.now().timestamp())
    price = await play.price(1000)
    trial = {"trial": True, "end_date": now + 14 * DAY} if whole else {"trial_end": now + 14 * DAY, "duration": MONTH}
    schedule = await scheduled(play, phase(price, **trial), phase(price, duration=MONTH))
    assert schedule.phases[0].trial_end == now + 14 * DAY
    subscription = await play.api.subscriptions.retrieve_async(schedule.subscription, {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.trial_end) == ("trialing", now + 14 * DAY)
    assert subscription.latest_invoice.total == 0
    await play.advance(14 * DAY + 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.status, after.latest_invoice.total, after.latest_invoice.status) == ("active", 1000, "paid")
    assert after.billing_cycle_anchor == period(after)[0] == now + 14 * DAY
    current = (await play.api.subscription_schedules.retrieve_async(schedule.id)).current_phase
    assert current.start_date == (now + 14 * DAY if whole else schedule.phases[0].start_date)


async def test_phases_write_metadata_and_cards(play: Play) -> None:
    customer = await customer_with_card(play)
    other = await play.api.payment_methods.attach_async("pm_card_mastercard", {"customer": customer.id})
    price = await play.price(1000)
    schedule = await scheduled(
        play,
        phase(price, duration=MONTH, metadata={"channel": "self-serve", "region": "apac", "upsell": "alpha"}),
        phase(
            price,
            duration=MONTH,
            metadata={"channel": "sales", "upsell": ""},
            default_payment_method=other.id,
            description="Second",
        ),
        customer=customer.id,
        default_settings={"description": "First"},
    )
    first = await play.api.subscriptions.retrieve_async(schedule.subscription)
    assert first.metadata.to_dict() == {"channel": "self-serve", "region": "apac", "upsell": "alpha"}
    assert (first.description, first.default_payment_method) == ("First", None)
    await until_period_end(play, first, 2 * HOUR)
    second = await play.api.subscriptions.retrieve_async(schedule.subscription)
    assert second.metadata.to_dict() == {"channel": "sales", "region": "apac"}
    assert (second.description, second.default_payment_method) == ("Second", other.id)
    # One whose price stays keeps its id.
    assert second["items"].data[0].id == first["items"].data[0].id


async def test_a_phase_that_starts_the_billing_cycle_anew(play: Play) -> None:
    price = await play.price(1000)
    now = int(play.sandbox.now().timestamp())
    schedule = await scheduled(
        play,
        phase(price, end_date=now + 10 * DAY),
        phase(price, duration=MONTH, billing_cycle_anchor="phase_start", proration_behavior="none"),
    )
    await play.advance(10 * DAY + 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(schedule.subscription, {"expand": ["latest_invoice"]})
    assert after.billing_cycle_anchor == period(after)[0] == now + 10 * DAY
    assert (after.latest_invoice.total, after.latest_invoice.status) == (1000, "paid")


async def test_the_current_phase_is_changed(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    since = await play.last()
    first = kept(schedule) | {"items": [{"price": schedule.phases[0]["items"][0].price, "quantity": 4}]}
    changed = await play.api.subscription_schedules.update_async(
        schedule.id, {"phases": [first, phase(cheaper, duration=MONTH)], "proration_behavior": "none"}
    )
    assert changed.phases[0]["items"][0].quantity == 4
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (after["items"].data[0].quantity, after["items"].data[0].id) == (4, subscription["items"].data[0].id)
    assert period(after) == period(subscription)
    assert await play.types(since) == ["customer.subscription.updated", "subscription_schedule.updated"]


async def test_a_change_made_directly_splits_the_phase(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    await play.advance(DAY)
    since = await play.last()
    item = subscription["items"].data[0]
    given = {"items": [{"id": item.id, "quantity": 3}], "proration_behavior": "none"}
    await play.api.subscriptions.update_async(subscription.id, given)
    assert await play.types(since) == ["customer.subscription.updated", "subscription_schedule.updated"]
    split = await play.api.subscription_schedules.retrieve_async(schedule.id)
    assert [entry["items"][0].quantity for entry in split.phases] == [1, 3, 1]
    ends = [entry.end_date for entry in split.phases]
    assert [entry.start_date for entry in split.phases][1:] == ends[:-1]
    assert split.current_phase.start_date == ends[0]
    await until_period_end(play, subscription, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert [(entry.price.id, entry.quantity) for entry in after["items"].data] == [(cheaper.id, 1)]


async def test_another_card_outlives_the_phase(play: Play) -> None:
    subscription, schedule, _ = await downgrade(play)
    await play.change_card(subscription.customer, "5555555555554444")
    changed = await play.api.subscriptions.retrieve_async(subscription.id)
    defaults = (await play.api.subscription_schedules.retrieve_async(schedule.id)).default_settings
    assert defaults.default_payment_method == changed.default_payment_method
    await until_period_end(play, subscription, 60)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after.default_payment_method == changed.default_payment_method


async def test_the_current_phase_ends_now(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    await play.advance(DAY)
    first = kept(schedule) | {"end_date": "now"}
    second = phase(cheaper, start_date="now", end_date=schedule.phases[1].end_date, proration_behavior="none")
    changed = await play.api.subscription_schedules.update_async(schedule.id, {"phases": [first, second]})
    assert changed.current_phase.end_date == schedule.phases[1].end_date
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after["items"].data[0].price.id == cheaper.id
    # What is past may be left out afterwards, or given again.
    current = phase(cheaper, start_date=changed.current_phase.start_date, end_date=changed.current_phase.end_date)
    again = await play.api.subscription_schedules.update_async(schedule.id, {"phases": [current]})
    assert [entry.start_date for entry in again.phases] == [entry.start_date for entry in changed.phases]
    whole = [phase(cheaper, start_date=entry.start_date, end_date=entry.end_date) for entry in again.phases]
    assert len((await play.api.subscription_schedules.update_async(schedule.id, {"phases": whole})).phases) == 2


async def test_a_schedule_not_started_is_changed(play: Play) -> None:
    start = int(play.sandbox.now().timestamp()) + 10 * DAY
    price = await play.price(1000)
    schedule = await scheduled(play, phase(price, duration=MONTH), start=start)
    given = {"phases": [phase(price, start_date=start + DAY, duration=MONTH)], "metadata": {"a": "b"}}
    later = await play.api.subscription_schedules.update_async(schedule.id, given)
    assert (later.phases[0].start_date, later.metadata["a"], later.status) == (start + DAY, "b", "not_started")
    await play.advance(10 * DAY + 60)
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).status == "not_started"
    given = {"phases": [phase(price, start_date="now", duration=MONTH)]}
    started = await play.api.subscription_schedules.update_async(schedule.id, given)
    assert (started.status, started.subscription is None) == ("active", False)
    since = await play.last()
    await play.advance(DAY)
    assert "customer.subscription.created" not in await play.types(since)


async def test_end_behavior_is_changed_in_the_last_phase(play: Play) -> None:
    subscription = await play.subscribe()
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    await play.api.subscription_schedules.update_async(schedule.id, {"end_behavior": "cancel"})
    ending = await play.api.subscriptions.retrieve_async(subscription.id)
    assert ending.cancel_at == period(subscription)[1]
    await play.api.subscription_schedules.update_async(schedule.id, {"end_behavior": "release"})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).cancel_at is None
    await play.api.subscription_schedules.update_async(schedule.id, {"end_behavior": "cancel"})
    await play.api.subscription_schedules.release_async(schedule.id, {"preserve_cancel_date": True})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).cancel_at == period(subscription)[1]


async def test_a_planned_end_becomes_the_schedules(play: Play) -> None:
    subscription = await play.subscribe()
    await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    assert (schedule.end_behavior, schedule.phases[0].end_date) == ("cancel", period(subscription)[1])
    await until_period_end(play, subscription, 60)
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).status == "completed"
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "canceled"


@pytest.mark.parametrize("how", ["schedule", "subscription", "customer", "dunning"])
async def test_both_end(play: Play, how: str) -> None:
    subscription, schedule, _ = await downgrade(play)
    since = await play.last()
    if how == "schedule":
        given = {"invoice_now": False, "prorate": False}
        over = await play.api.subscription_schedules.cancel_async(schedule.id, given)
        assert over.status == "canceled"
    elif how == "subscription":
        await play.api.subscriptions.cancel_async(subscription.id)
    elif how == "customer":
        await play.api.customers.delete_async(subscription.customer)
    else:
        await play.change_card(subscription.customer, "4000000000000341")
        await play.advance(60 * DAY)
    over = await play.api.subscription_schedules.retrieve_async(schedule.id)
    assert (over.status, over.canceled_at is None, over.current_phase) == ("canceled", False, None)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "canceled"
    types = await play.types(since)
    event = "subscription_schedule.aborted" if how == "dunning" else "subscription_schedule.canceled"
    assert types.count(event) == 1
    assert types.index("customer.subscription.deleted") < types.index(event)
    since = await play.last()
    await play.advance(60 * DAY)
    assert await play.types(since) == []


async def test_one_that_never_started_is_canceled(play: Play) -> None:
    start = int(play.sandbox.now().timestamp()) + 10 * DAY
    schedule = await scheduled(play, phase(await play.price(), duration=MONTH), start=start)
    since = await play.last()
    over = await play.api.subscription_schedules.cancel_async(schedule.id)
    assert (over.status, over.subscription) == ("canceled", None)
    assert await play.types(since) == ["subscription_schedule.canceled"]
    await play.advance(20 * DAY)
    assert await play.types(since) == ["subscription_schedule.canceled"]


async def test_nothing_starts_for_a_customer_who_is_gone(play: Play) -> None:
    start = int(play.sandbox.now().timestamp()) + 10 * DAY
    schedule = await scheduled(play, phase(await play.price(), duration=MONTH), start=start)
    await play.api.customers.delete_async(schedule.customer)
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).status == "canceled"
    since = await play.last()
    await play.advance(20 * DAY)
    assert await play.types(since) == []


async def test_its_first_charge_fails(play: Play) -> None:
    customer = await customer_with_card(play, "pm_card_chargeCustomerFail")
    schedule = await scheduled(play, phase(await play.price(), duration=MONTH), customer=customer.id)
    await play.advance(2 * HOUR)
    late = await play.api.subscriptions.retrieve_async(schedule.subscription, {"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    assert late.latest_invoice.next_payment_attempt is not None


async def test_lists_by_time(play: Play) -> None:
    subscription, schedule, _ = await downgrade(play)
    await play.api.subscription_schedules.release_async(schedule.id)
    soon = int(play.sandbox.now().timestamp()) + 100
    for name, count in (("released_at", 1), ("canceled_at", 0), ("completed_at", 0), ("created", 1)):
        listed = await play.api.subscription_schedules.list_async({name: {"lt": soon}})
        assert len(listed.data) == count, name
    other = await play.api.customers.create_async({})
    assert (await play.api.subscription_schedules.list_async({"customer": other.id})).data == []
    assert (await play.api.subscription_schedules.list_async({"created": {"gt": soon}})).data == []
    assert subscription.id == (await play.api.subscription_schedules.list_async({})).data[0].released_subscription


BAD: list[tuple[dict[str, Any], str | None]] = [
    ({"customer": None}, "customer"),
    ({"customer": "cus_nobody"}, "customer"),
    ({"start_date": None}, "start_date"),
    ({"start_date": "tomorrow"}, "start_date"),
    ({"phases": None}, "phases"),
    ({"phases": [{"items": [{"price": "price_nobody"}]}]}, "phases[0][items][0][price]"),
    ({"phases": [{"items": [{"quantity": 2}]}]}, "phases[0][items][0][price]"),
    ({"phases": [{"items": [{"price": "once"}]}]}, "phases[0][items][0][price]"),
    ({"phases": [{"items": [{"price": "euro"}, {"price": "monthly"}]}]}, "phases[0][items]"),
    ({"phases": [{"items": [{"price": "monthly", "quantity": -1}]}]}, "phases[0][items][0][quantity]"),
    ({"phases": [{"duration": MONTH, "end_date": 4102444800}]}, "phases[0][end_date]"),
    ({"phases": [{"duration": {"interval": "month", "interval_count": 0}}]}, "phases[0][duration][interval_count]"),
    ({"phases": [{"duration": {"interval": "decade"}}]}, "phases[0][duration][interval]"),
    ({"phases": [{"end_date": 1}]}, "phases[0][end_date]"),
    ({"phases": [{}, {}]}, "phases[0][end_date]"),
    ({"phases": [{"duration": MONTH}] * 11}, "phases"),
    ({"phases": [{"trial_end": 1}]}, "phases[0][trial_end]"),
    ({"phases": [{"trial": True, "billing_cycle_anchor": "phase_start"}]}, "phases[0][billing_cycle_anchor]"),
    ({"phases": [{"default_payment_method": "pm_nobody"}]}, "phases[0][default_payment_method]"),
    ({"phases": [{"collection_method": "send_invoice"}]}, "phases[0][collection_method]"),
    ({"phases": [{"iterations": 3}]}, "phases[0][iterations]"),
    ({"phases": [{"currency": "eur"}]}, "phases[0][items]"),
    ({"phases": [{"transfer_data": {"destination": "acct_1"}}]}, "phases[0][transfer_data]"),
    ({"phases": [{"automatic_tax": {"enabled": True}}]}, "phases[0][automatic_tax][enabled]"),
    ({"default_settings": {"default_payment_method": "pm_nobody"}}, "default_settings[default_payment_method]"),
    ({"end_behavior": "renew"}, "end_behavior"),
    ({"end_behavior": "explode"}, "end_behavior"),
]


@pytest.mark.parametrize(("change", "param"), BAD)
async def test_refused(play: Play, change: dict[str, Any], param: str) -> None:
    customer = await play.api.customers.create_async({})
    named = {
        "monthly": (await play.price()).id,
        "once": (await play.price(100, None)).id,
        "euro": (await play.price(100, currency="eur")).id,
    }
    given = {"customer": customer.id, "start_date": "now", "phases": [{"duration": MONTH}], **change}
    for entry in given["phases"] or []:
        items = entry.get("items", [{"price": "monthly"}])
        entry["items"] = [
            {**item, "price": named.get(item["price"], item["price"])} if "price" in item else item for item in items
        ]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.subscription_schedules.create_async(
            {key: value for key, value in given.items() if value is not None}
        )
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert (await play.api.subscription_schedules.list_async({})).data == []


async def test_refused_around_a_subscription(play: Play) -> None:
    subscription, schedule, _ = await downgrade(play)
    create = play.api.subscription_schedules.create_async
    with pytest.raises(stripe.InvalidRequestError, match=f"already attached to a schedule: `{schedule.id}`"):
        await create({"from_subscription": subscription.id})
    with pytest.raises(stripe.InvalidRequestError, match="end_behavior") as exclusive:
        await create({"from_subscription": subscription.id, "end_behavior": "cancel"})
    assert exclusive.value.param == "end_behavior"
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await create({"from_subscription": "sub_nobody"})
    assert (missing.value.code, missing.value.param) == ("resource_missing", "from_subscription")
    await play.api.subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await create({"from_subscription": subscription.id})
    for verb in ("retrieve", "cancel", "release"):
        with pytest.raises(stripe.InvalidRequestError) as unknown:
            await getattr(play.api.subscription_schedules, f"{verb}_async")("sub_sched_nobody")
        assert (unknown.value.http_status, unknown.value.code) == (404, "resource_missing")


@pytest.mark.parametrize("around", [True, False])
async def test_pauses_on_a_schedule_are_not_built(play: Play, around: bool) -> None:
    subscription = await play.subscribe()
    given: dict[str, Any] = {"pause_schedules": [{"key": "holidays", "pause": {"pause_at": {"type": "now"}}}]}
    if around:
        asked = play.api.subscription_schedules.create_async({"from_subscription": subscription.id, **given})
    else:
        asked = scheduled(play, phase(await play.price(), duration=MONTH), **given)
    with pytest.raises(stripe.InvalidRequestError, match="does not support") as refused:
        await asked
    assert (refused.value.http_status, refused.value.param) == (400, "pause_schedules")
    assert (await play.api.subscription_schedules.list_async({})).data == []


async def test_refused_changes(play: Play) -> None:
    subscription, schedule, cheaper = await downgrade(play)
    await play.advance(DAY)
    first, update = kept(schedule), play.api.subscription_schedules.update_async
    for phases, param in (
        ([phase(cheaper, duration=MONTH)], "phases"),
        ([{**first, "start_date": "now"}], "phases[0][start_date]"),
        ([{**first, "start_date": first["start_date"] + 1}], "phases[0][start_date]"),
        ([{**first, "end_date": "now"}], "phases"),
        ([first, phase(cheaper, start_date=first["end_date"] + 1, duration=MONTH)], "phases[1][start_date]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await update(schedule.id, {"phases": phases})
        assert refused.value.param == param
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).phases == schedule.phases
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await update(schedule.id, {"start_date": "now"})
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "start_date")
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).schedule == schedule.id
