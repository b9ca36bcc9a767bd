"""Test clocks: customers who live by a time of their own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY
from tests.sandbox.test_persistence import play_with
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.play import Play, Receiver

    from licet_sandbox.validation import Checker

START = int(datetime(2024, 1, 31, 12, tzinfo=UTC).timestamp())
FEBRUARY = int(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp())
MARCH = int(datetime(2024, 3, 31, 12, tzinfo=UTC).timestamp())
HOUR = 3600


async def clock(play: Play, at: int = START, **more: Any) -> Any:
    return await play.api.test_helpers.test_clocks.create_async({"frozen_time": at, **more})


async def advance(play: Play, clock_id: str, to: int) -> None:
    """And wait, as Stripe's documents say."""
    clocks = play.api.test_helpers.test_clocks
    answer = await clocks.advance_async(clock_id, {"frozen_time": to})
    assert answer.status == "advancing"
    assert answer.status_details.advancing.target_frozen_time == to
    assert (await until_ready(play, clock_id)).frozen_time == to


async def until_ready(play: Play, clock_id: str) -> Any:
    clocks = play.api.test_helpers.test_clocks
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await clocks.retrieve_async(clock_id)).status != "ready":  # noqa: ASYNC110  # As its users do.
            await asyncio.sleep(0.005)
    return found


async def customer(play: Play, clock_id: str, card: str = "pm_card_visa") -> Any:
    given = {
        "test_clock": clock_id,
        "email": "a@example.com",
        "payment_method": card,
        "invoice_settings": {"default_payment_method": card},
    }
    return await play.api.customers.create_async(given)


async def subscribe(play: Play, who: Any, price: Any = None, **more: Any) -> Any:
    price = price or await play.price()
    given = {"customer": who.id, "items": [{"price": price.id}], **more}
    return await play.api.subscriptions.create_async(given)


async def test_a_clock(play: Play) -> None:
    made = await clock(play, name="January")
    assert (made.object, made.status, made.frozen_time, made.name) == (
        "test_helpers.test_clock",
        "ready",
        START,
        "January",
    )
    assert made.deletes_after == made.created + 30 * DAY
    assert made.created > START
    later = await clock(play)
    listed = await play.api.test_helpers.test_clocks.list_async()
    assert [one.id for one in listed.data] == [later.id, made.id]
    gone = await play.api.test_helpers.test_clocks.delete_async(later.id)
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await play.api.test_helpers.test_clocks.retrieve_async(later.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert (await play.types())[-3:] == [
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.deleted",
    ]


async def test_a_year_of_renewals(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    assert (who.test_clock, who.created) == (at.id, START)
    subscription = await subscribe(play, who)
    assert (subscription.status, subscription.test_clock, subscription.created) == ("active", at.id, START)
    assert subscription["items"].data[0].current_period_end == FEBRUARY
    since = await play.last()
    await advance(play, at.id, FEBRUARY + 2 * HOUR)
    events = await play.events(since)
    assert events[0].type == "test_helpers.test_clock.advancing"
    assert events[-1].type == "test_helpers.test_clock.ready"
    paid = next(event for event in events if event.type == "invoice.paid")
    assert (paid.created, paid.data.object.test_clock) == (FEBRUARY + HOUR, at.id)
    assert paid.data.object.status_transitions.paid_at == FEBRUARY + HOUR
    await advance(play, at.id, MARCH + 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after["items"].data[0].current_period_start == MARCH
    invoices = await play.api.invoices.list_async({"customer": who.id})
    assert [invoice.created for invoice in invoices.data] == [MARCH, FEBRUARY, START]
    charges = await play.api.charges.list_async({"customer": who.id})
    assert [charge.created for charge in charges.data] == [MARCH + HOUR, FEBRUARY + HOUR, START]


async def test_it_stands_still_otherwise(play: Play) -> None:
    at = await clock(play)
    weekly = await play.price(interval="week")
    mine = await subscribe(play, await customer(play, at.id), weekly)
    other = await play.subscribe(price=weekly)
    await play.advance(8 * DAY)
    assert (await play.api.subscriptions.retrieve_async(mine.id)).latest_invoice == mine.latest_invoice
    assert (await play.api.subscriptions.retrieve_async(other.id)).latest_invoice != other.latest_invoice
    # And the sandbox's own clock is no business of a test clock.
    since = await play.last()
    await advance(play, at.id, START + 14 * DAY)
    assert all(
        event.data.object.customer == mine.customer
        for event in await play.events(since)
        if event.type.startswith("invoice.")
    )


async def test_a_failing_renewal_and_its_retries(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    subscription = await subscribe(play, who)
    await play.change_card(who.id, "4000000000000341")
    await advance(play, at.id, FEBRUARY + 2 * HOUR)
    late = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    assert late.latest_invoice.next_payment_attempt == FEBRUARY + HOUR + 3 * DAY
    await advance(play, at.id, FEBRUARY + 20 * DAY)
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.canceled_at) == ("canceled", FEBRUARY + HOUR + 15 * DAY)


async def test_trials_schedules_items_and_checkout(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    trial = await subscribe(play, who, trial_period_days=14)
    assert (trial.status, trial.trial_end) == ("trialing", START + 14 * DAY)
    price = await play.price(500)
    schedule = await play.api.subscription_schedules.create_async(
        {
            "customer": who.id,
            "start_date": START + DAY,
            "phases": [{"items": [{"price": price.id}], "duration": {"interval": "month", "interval_count": 1}}],
        }
    )
    assert (schedule.test_clock, schedule.created) == (at.id, START)
    item = await play.api.invoice_items.create_async({"customer": who.id, "amount": 300, "currency": "usd"})
    assert (item.test_clock, item.date) == (at.id, START)
    session = await play.session(await play.price(900), customer=who.id)
    assert (await play.pay(session)).status_code == 200
    bought = await play.api.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription.test_clock"]})
    assert bought.subscription.created == START
    assert bought.subscription.test_clock.frozen_time == START
    await advance(play, at.id, START + 15 * DAY)
    assert (await play.api.subscriptions.retrieve_async(trial.id)).status == "active"
    begun = await play.api.subscription_schedules.retrieve_async(schedule.id, {"expand": ["subscription"]})
    assert (begun.status, begun.subscription.start_date) == ("active", START + DAY)


async def test_lists_leave_out_what_lives_by_clocks(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    subscription = await subscribe(play, who)
    invoice = await play.api.invoices.retrieve_async(subscription.latest_invoice, {"expand": ["payments"]})
    intent = invoice.payments.data[0].payment.payment_intent
    charge = (await play.api.charges.list_async({"payment_intent": intent})).data[0]
    await play.api.refunds.create_async({"charge": charge.id, "amount": 100})
    await play.api.invoice_items.create_async({"customer": who.id, "amount": 300, "currency": "usd"})
    api = play.api
    resources = (
        api.customers,
        api.subscriptions,
        api.invoices,
        api.invoice_items,
        api.charges,
        api.payment_intents,
        api.refunds,
        api.invoice_payments,
        api.payment_methods,
        api.subscription_schedules,
    )
    for resource in resources:
        assert (await resource.list_async()).data == [], resource
    for resource, by in (
        (api.customers, {"test_clock": at.id}),
        (api.subscriptions, {"test_clock": at.id}),
        (api.subscriptions, {"customer": who.id}),
        (api.invoices, {"customer": who.id}),
        (api.invoices, {"subscription": subscription.id}),
        (api.invoice_items, {"customer": who.id}),
        (api.charges, {"customer": who.id}),
        (api.payment_intents, {"customer": who.id}),
        (api.refunds, {"charge": charge.id}),
        (api.invoice_payments, {"invoice": invoice.id}),
        (api.payment_methods, {"customer": who.id}),
    ):
        assert len((await resource.list_async(by)).data) == 1, (resource, by)
    other = await clock(play)
    assert (await api.customers.list_async({"test_clock": other.id})).data == []


async def test_how_far_it_goes(play: Play) -> None:
    at = await clock(play)
    for to, fits in ((START, False), (START - 1, False), (START + 732 * DAY, False), (START + 731 * DAY, True)):
        if fits:
            await advance(play, at.id, to)
            continue
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await play.api.test_helpers.test_clocks.advance_async(at.id, {"frozen_time": to})
        assert (refusal.value.http_status, refusal.value.param) == (400, "frozen_time")
    short = await clock(play)
    who = await customer(play, short.id)
    await subscribe(play, who, await play.price(interval="month"))
    await subscribe(play, who, await play.price(interval="week"))
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        await play.api.test_helpers.test_clocks.advance_async(short.id, {"frozen_time": START + 14 * DAY + 1})
    await advance(play, short.id, START + 14 * DAY)


async def test_its_limits(play: Play) -> None:
    at = await clock(play)
    who = [await customer(play, at.id) for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError) as full:
        await customer(play, at.id)
    assert full.value.param == "test_clock"
    for _ in range(3):
        last = await subscribe(play, who[0])
    with pytest.raises(stripe.InvalidRequestError) as many:
        await subscribe(play, who[0])
    assert many.value.param == "customer"
    await play.api.subscriptions.cancel_async(last.id)
    assert (await subscribe(play, who[0])).status == "active"
    with pytest.raises(stripe.InvalidRequestError) as nobody:
        await customer(play, "clock_nothing")
    assert (nobody.value.http_status, nobody.value.param) == (400, "test_clock")


async def test_nobody_interferes_while_it_advances(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    subscription = await subscribe(play, who)
    clocks = play.api.test_helpers.test_clocks
    turn = play.sandbox._parts[2]._lock
    async with turn:  # Time does not pass meanwhile.
        await clocks.advance_async(at.id, {"frozen_time": FEBRUARY})
        for attempt in (
            play.api.subscriptions.cancel_async(subscription.id),
            play.api.customers.update_async(who.id, {"name": "A"}),
            play.api.customers.delete_async(who.id),
            subscribe(play, who),
            customer(play, at.id),
            clocks.advance_async(at.id, {"frozen_time": MARCH}),
            clocks.delete_async(at.id),
        ):
            with pytest.raises(stripe.RateLimitError, match="advancement underway") as refusal:
                await attempt
            assert refusal.value.http_status == 429
        # Reading is no interference, nor is what only looks ahead.
        preview = {"customer": who.id, "subscription": subscription.id}
        assert (await play.api.invoices.create_preview_async(preview)).amount_due == 1000
        assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    await until_ready(play, at.id)
    assert (await play.api.subscriptions.cancel_async(subscription.id)).canceled_at == FEBRUARY


async def test_deleted_with_its_customers(play: Play, receiver: Receiver) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    subscription = await subscribe(play, who)
    await play.endpoint(receiver)
    await play.api.test_helpers.test_clocks.delete_async(at.id)
    assert (await play.api.customers.retrieve_async(who.id)).deleted
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "canceled"
    await receiver.until(4)
    assert receiver.types == [
        "customer.subscription.deleted",
        "payment_method.detached",
        "customer.deleted",
        "test_helpers.test_clock.deleted",
    ]


async def test_it_goes_by_itself_after_thirty_days(play: Play) -> None:
    at = await clock(play)
    who = await customer(play, at.id)
    await play.advance(30 * DAY)
    assert (await play.api.customers.retrieve_async(who.id)).deleted
    assert (await play.api.test_helpers.test_clocks.list_async()).data == []


async def test_a_customer_who_is_there_already(play: Play) -> None:
    subscription = await play.subscribe()
    created = subscription.created
    with pytest.raises(stripe.InvalidRequestError) as early:
        await clock(play, created - DAY, customer=subscription.customer)
    assert early.value.param == "frozen_time"
    at = await clock(play, created + 5 * DAY, customer=subscription.customer)
    moved = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["customer", "latest_invoice"]})
    assert {moved.test_clock, moved.customer.test_clock, moved.latest_invoice.test_clock} == {at.id}
    updated = (await play.events())[-1]
    assert (updated.type, updated.data.previous_attributes.to_dict()) == ("customer.updated", {"test_clock": None})
    # From here on the sandbox's clock says nothing, and the test clock everything.
    await play.advance(20 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).latest_invoice == moved.latest_invoice.id
    renewal = subscription["items"].data[0].current_period_end
    await advance(play, at.id, renewal + 2 * HOUR)
    invoice = (await play.api.invoices.list_async({"customer": subscription.customer})).data[0]
    assert (invoice.created, invoice.status_transitions.paid_at) == (renewal, renewal + HOUR)
    for charge in (await play.api.charges.list_async({"customer": subscription.customer})).data:
        refund = await play.api.refunds.create_async({"charge": charge.id})
        assert refund.created == renewal + 2 * HOUR
    with pytest.raises(stripe.InvalidRequestError) as taken:
        await clock(play, renewal + DAY, customer=subscription.customer)
    assert taken.value.param == "customer"


async def test_a_clock_goes_on_after_a_restart(tmp_path: Path, checker: Checker, transport: Any) -> None:
    path = tmp_path / "sandbox.db"
    running = await Sandbox(path, validate=checker).serve()
    async with open_client(base_url=running.url) as http:
        play = play_with(running, transport, http)
        at = await clock(play)
        subscription = await subscribe(play, await customer(play, at.id))
        await running.sandbox._parts[2]._lock.acquire()  # Time does not pass any more.
        await play.api.test_helpers.test_clocks.advance_async(at.id, {"frozen_time": FEBRUARY})
    await running.stop()
    running = await Sandbox(path, validate=checker).serve()
    async with open_client(base_url=running.url) as http:
        play = play_with(running, transport, http)
        await until_ready(play, at.id)
        renewed = await play.api.subscriptions.retrieve_async(subscription.id)
        assert renewed["items"].data[0].current_period_start == FEBRUARY
    await running.stop()
