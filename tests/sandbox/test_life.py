"""A subscription over time: renewals, failed payments, trials, and every way to end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stripe
from tests.sandbox.play import DAY, Play

HOUR = 3600
RENEWED = [
    "invoice.finalized",
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice_payment.paid",
    "invoice.updated",
    "invoice.paid",
    "invoice.payment_succeeded",
]

CREDITED = ["invoice.created", "invoice.finalized", "customer.updated", "invoice.updated", "invoice.paid"]


def period(subscription: object) -> tuple[int, int]:
    item = subscription["items"].data[0]  # type: ignore[index]
    return item.current_period_start, item.current_period_end


async def until_period_end(play: Play, subscription: object, more: int = 0) -> None:
    end = period(subscription)[1]
    await play.advance(end - play.sandbox.now().timestamp() + more)


async def test_renewal(play: Play) -> None:
    subscription = await play.subscribe(subscription_data={"metadata": {"plan": "growth"}})
    start, end = period(subscription)
    since = await play.last()
    await until_period_end(play, subscription, 60)
    assert await play.types(since) == ["invoice.created", "customer.subscription.updated"]
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert period(renewed)[0] == end
    draft = renewed.latest_invoice
    assert (draft.status, draft.billing_reason, draft.auto_advance) == ("draft", "subscription_cycle", True)
    assert draft.automatically_finalizes_at == end + HOUR
    assert (draft.period_start, draft.period_end) == (start, end)
    assert (draft.lines.data[0].period.start, draft.lines.data[0].period.end) == period(renewed)
    changed = (await play.events(since))[1]
    assert changed.created == end
    before = changed.data.previous_attributes
    assert before["items"]["data"][0]["current_period_end"] == end
    assert before["latest_invoice"] == subscription.latest_invoice
    # The metadata follows the subscription while the invoice is a draft.
    await play.api.subscriptions.update_async(subscription.id, {"metadata": {"plan": "scale"}})
    since = await play.last()
    await play.advance(HOUR)
    assert await play.types(since) == RENEWED
    paid = await play.api.invoices.retrieve_async(draft.id)
    assert (paid.status, paid.attempt_count, paid.next_payment_attempt) == ("paid", 1, None)
    assert paid.parent.subscription_details.metadata["plan"] == "scale"
    assert paid.number.endswith("-0002")
    events = await play.events(since)
    assert {event.created for event in events} == {end + HOUR}
    assert events[0].request.id is None


@pytest.mark.parametrize(("card", "renews"), [("4000002500003155", True), ("4000002760003184", False)])
async def test_renewal_of_a_card_with_three_d_secure(play: Play, card: str, renews: bool) -> None:
    subscription = await play.subscribe(card)
    since = await play.last()
    await until_period_end(play, subscription, HOUR + 60)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    types = await play.types(since)
    if renews:
        assert after.status == "active"
        assert types[2:] == RENEWED
        return
    assert after.status == "past_due"
    assert types[3:] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "invoice.updated",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "customer.updated",
        "customer.subscription.updated",
    ]
    intent = (await play.api.payment_intents.list_async({"limit": 1})).data[0]
    assert (intent.status, intent.last_payment_error.code) == ("requires_action", "authentication_required")
    assert intent.last_payment_error.decline_code == "authentication_required"
    # The customer authenticates on the invoice's page, and all is well.
    address = f"/i/{after.latest_invoice}"
    assert (await play.http.post(f"{address}/3ds", data={"outcome": "complete"})).status_code == 303
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    assert (await play.api.invoices.retrieve_async(after.latest_invoice)).status == "paid"


async def test_failed_renewal_until_the_end(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    end = period(subscription)[1]
    since = await play.last()
    await until_period_end(play, subscription, HOUR + 60)
    tried, expected = end + HOUR, []
    for attempt, days in enumerate((3, 5, 7, None), start=1):
        invoices = await play.api.invoices.list_async({"subscription": subscription.id, "limit": 1})
        invoice = invoices.data[0]
        expected.append(tried)
        assert (invoice.status, invoice.attempt_count) == ("open", attempt)
        if days is None:
            break
        assert invoice.next_payment_attempt == tried + days * DAY
        assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
        tried += days * DAY
        await play.advance(days * DAY)
    assert (invoice.next_payment_attempt, invoice.auto_advance) == (None, False)
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at, over.cancellation_details.reason) == ("canceled", tried, "payment_failed")
    events = await play.events(since)
    failures = [event for event in events if event.type == "invoice.payment_failed"]
    assert [event.created for event in failures] == expected
    assert [event.data.object.attempt_count for event in failures] == [1, 2, 3, 4]
    assert [event.type for event in events][-2:] == ["customer.subscription.deleted", "invoice.updated"]
    assert [event.type for event in events].count("customer.subscription.deleted") == 1
    customer = await play.api.customers.retrieve_async(subscription.customer)
    assert customer.delinquent
    since = await play.last()
    await play.advance(60 * DAY)
    assert await play.types(since) == []


async def test_another_card_saves_it(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await until_period_end(play, subscription, HOUR + 60)
    await play.change_card(subscription.customer, "5555555555554444")
    since = await play.last()
    await play.advance(3 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    types = await play.types(since)
    assert "invoice.paid" in types
    assert types[-2:] == ["customer.updated", "customer.subscription.updated"]


async def test_paying_the_open_invoice(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await until_period_end(play, subscription, HOUR + 60)
    late = await play.api.subscriptions.retrieve_async(subscription.id)
    with pytest.raises(stripe.CardError) as declined:
        await play.api.invoices.pay_async(late.latest_invoice)
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "generic_decline")
    invoice = await play.api.invoices.retrieve_async(late.latest_invoice)
    assert invoice.attempt_count == 2
    assert invoice.next_payment_attempt is not None
    paid = await play.api.invoices.pay_async(late.latest_invoice, {"payment_method": "pm_card_visa"})
    assert paid.status == "paid"
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.invoices.pay_async(late.latest_invoice)
    since = await play.last()
    await play.advance(10 * DAY)
    assert await play.types(since) == []


@pytest.mark.parametrize("how", ["cancel_at_period_end", "cancel_at", "min_period_end"])
async def test_scheduled_end(play: Play, how: str) -> None:
    subscription = await play.subscribe()
    end = period(subscription)[1]
    given = {
        "cancel_at_period_end": {"cancel_at_period_end": True},
        "cancel_at": {"cancel_at": end - 5 * DAY},
        "min_period_end": {"cancel_at": "min_period_end"},
    }[how]
    changed = await play.api.subscriptions.update_async(subscription.id, given)
    expected = end - 5 * DAY if how == "cancel_at" else end
    assert (changed.status, changed.cancel_at) == ("active", expected)
    assert changed.cancel_at_period_end is (how == "cancel_at_period_end")
    assert changed.cancellation_details.reason == "cancellation_requested"
    # Taken back, and asked for again.
    undone = {"cancel_at_period_end": False} if how == "cancel_at_period_end" else {"cancel_at": ""}
    back = await play.api.subscriptions.update_async(subscription.id, undone)
    assert (back.cancel_at, back.canceled_at, back.cancel_at_period_end) == (None, None, False)
    await play.api.subscriptions.update_async(subscription.id, given)
    since = await play.last()
    await until_period_end(play, subscription, 2 * HOUR)
    types = await play.types(since)
    # Days that were paid and not used are a credit, which a last invoice turns into balance.
    assert types == ["customer.subscription.deleted", *(CREDITED if how == "cancel_at" else [])]
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", expected)


async def test_end_now(play: Play) -> None:
    subscription = await play.subscribe()
    since = await play.last()
    given = {"cancellation_details": {"comment": "too much", "feedback": "too_expensive"}}
    over = await play.api.subscriptions.cancel_async(subscription.id, given)
    assert (over.status, over.cancellation_details.feedback) == ("canceled", "too_expensive")
    assert await play.types(since) == ["customer.subscription.deleted"]
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert (await play.api.subscriptions.list_async()).data == []
    assert len((await play.api.subscriptions.list_async({"status": "all"})).data) == 1
    await play.advance(40 * DAY)
    assert await play.types(since) == ["customer.subscription.deleted"]


async def test_trial_ends_in_a_payment(play: Play) -> None:
    subscription = await play.subscribe(subscription_data={"trial_period_days": 14})
    since = await play.last()
    await play.advance(11 * DAY + 60)
    assert await play.types(since) == ["customer.subscription.trial_will_end"]
    await play.advance(3 * DAY + 2 * HOUR)
    assert (await play.types(since))[1:] == ["invoice.created", "customer.subscription.updated", *RENEWED]
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after.status == "active"
    assert period(after)[0] == subscription.trial_end == after.billing_cycle_anchor


async def test_trial_ends_in_a_failure(play: Play) -> None:
    subscription = await play.subscribe("4000000000000341", subscription_data={"trial_period_days": 14})
    await play.advance(14 * DAY + 2 * HOUR)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"


@pytest.mark.parametrize(
    ("behavior", "status"), [("create_invoice", "past_due"), ("cancel", "canceled"), ("pause", "paused")]
)
async def test_trial_ends_without_a_card(play: Play, behavior: str, status: str) -> None:
    customer = await play.api.customers.create_async({})
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price()).id}],
            "trial_period_days": 2,
            "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
        }
    )
    since = await play.last()
    await play.advance(2 * DAY + 2 * HOUR)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == status
    types = await play.types(since)
    assert types[0] == "customer.subscription.trial_will_end"
    assert ("customer.subscription.paused" in types) is (behavior == "pause")
    assert ("invoice.payment_failed" in types) is (behavior == "create_invoice")


@pytest.mark.parametrize(
    ("behavior", "status"), [("create_invoice", "past_due"), ("cancel", "canceled"), ("pause", "paused")]
)
@pytest.mark.parametrize("with_card", [False, True])
async def test_trial_is_ended_early(play: Play, behavior: str, status: str, with_card: bool) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"} if with_card else {})
    card = {}
    if with_card:
        methods = await play.api.payment_methods.list_async({"customer": customer.id})
        card = {"default_payment_method": methods.data[0].id}
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price()).id}],
            "trial_period_days": 20,
            "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
            **card,
        }
    )
    since = await play.last()
    ended = await play.api.subscriptions.update_async(subscription.id, {"trial_end": "now"})
    assert ended.status == ("active" if with_card else status)
    assert ended.trial_end <= play.sandbox.now().timestamp()
    types = await play.types(since)
    billed = with_card or behavior == "create_invoice"
    assert ("invoice.created" in types) is billed
    assert ("customer.subscription.paused" in types) is (ended.status == "paused")
    assert ("customer.subscription.deleted" in types) is (ended.status == "canceled")
    if ended.status == "paused":
        assert ended.status_details.paused.subscription.type == "trial_end_without_payment_method"
    if not billed:
        # The invoice of the trial, over 0, is the only one.
        await play.advance(40 * DAY)
        assert len((await play.api.invoices.list_async({"subscription": subscription.id})).data) == 1


async def test_the_last_day_of_the_month(play: Play) -> None:
    now = play.sandbox.now()
    january = datetime(now.year + 1, 1, 31, 12, tzinfo=UTC)
    answer = await play.http.post("/_sandbox/clock/advance", json={"to": january.isoformat()})
    assert answer.status_code == 200
    subscription = await play.subscribe()
    ends = []
    for _ in range(3):
        ends.append(datetime.fromtimestamp(period(subscription)[1], UTC))
        await until_period_end(play, subscription, 2 * HOUR)
        subscription = await play.api.subscriptions.retrieve_async(subscription.id)
    february = 29 if (now.year + 1) % 4 == 0 else 28
    assert [(end.month, end.day) for end in ends] == [(2, february), (3, 31), (4, 30)]


async def test_made_by_the_api(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"})
    methods = await play.api.payment_methods.list_async({"customer": customer.id})
    since = await play.last()
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price()).id, "quantity": 3}],
            "default_payment_method": methods.data[0].id,
            "expand": ["latest_invoice.payments"],
        }
    )
    assert (subscription.status, subscription.latest_invoice.total) == ("active", 3000)
    assert subscription.latest_invoice.payments.data[0].status == "paid"
    types = await play.types(since)
    assert types[2] == "customer.subscription.created"
    assert types[-1] == "customer.subscription.updated"
    assert (await play.events(since))[-1].data.previous_attributes.to_dict() == {"status": "incomplete"}
    listed = await play.api.subscriptions.list_async({"price": subscription["items"].data[0].price.id})
    assert [entry.id for entry in listed.data] == [subscription.id]


async def test_incomplete_expires(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_chargeCustomerFail"})
    methods = await play.api.payment_methods.list_async({"customer": customer.id})
    given = {
        "customer": customer.id,
        "items": [{"price": (await play.price()).id}],
        "default_payment_method": methods.data[0].id,
    }
    with pytest.raises(stripe.CardError):
        await play.api.subscriptions.create_async({**given, "payment_behavior": "error_if_incomplete"})
    assert (await play.api.subscriptions.list_async({"status": "all"})).data == []
    subscription = await play.api.subscriptions.create_async(given)
    assert subscription.status == "incomplete"
    await play.advance(23 * HOUR + 60)
    over = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (over.status, over.latest_invoice.status) == ("incomplete_expired", "void")


async def test_incomplete_is_completed(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_authenticationRequired"})
    methods = await play.api.payment_methods.list_async({"customer": customer.id})
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price()).id}],
            "default_payment_method": methods.data[0].id,
            "expand": ["latest_invoice.confirmation_secret"],
        }
    )
    assert subscription.status == "incomplete"
    assert subscription.latest_invoice.confirmation_secret.client_secret.startswith("pi_")
    await play.http.post(f"/i/{subscription.latest_invoice.id}/3ds", data={"outcome": "complete"})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    await play.advance(32 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"


async def test_items_change_without_proration(play: Play) -> None:
    subscription = await play.subscribe()
    item = subscription["items"].data[0]
    other = await play.price(7000)
    change = {"items": [{"id": item.id, "price": other.id}]}
    changed = await play.api.subscriptions.update_async(subscription.id, {**change, "proration_behavior": "none"})
    assert [(entry.id, entry.price.id, entry.quantity) for entry in changed["items"].data] == [(item.id, other.id, 1)]
    assert period(changed) == period(subscription)
    await until_period_end(play, subscription, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (renewed.latest_invoice.total, renewed.latest_invoice.status) == (7000, "paid")


async def test_deleting_the_customer(play: Play) -> None:
    subscription = await play.subscribe()
    since = await play.last()
    gone = await play.api.customers.delete_async(subscription.customer)
    assert gone.deleted
    assert await play.types(since) == [
        "customer.subscription.deleted",
        "payment_method.detached",
        "customer.deleted",
    ]
    again = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["customer"]})
    assert (again.status, again.customer.deleted) == ("canceled", True)
    await play.advance(40 * DAY)


@pytest.mark.parametrize(
    ("behavior", "status", "schedule_status"), [("pause", "paused", "active"), ("cancel", "canceled", "canceled")]
)
async def test_a_schedule_ends_the_trial_early(play: Play, behavior: str, status: str, schedule_status: str) -> None:
    customer = await play.api.customers.create_async({})
    price = await play.price()
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": price.id}],
            "trial_period_days": 20,
            "trial_settings": {"end_behavior": {"missing_payment_method": behavior}},
        }
    )
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    phase = {"items": [{"price": price.id}], "start_date": schedule.phases[0].start_date}
    duration = {"duration": {"interval": "month", "interval_count": 1}}
    changed = await play.api.subscription_schedules.update_async(schedule.id, {"phases": [phase | duration]})
    assert changed.status == schedule_status
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == status
    await play.advance(40 * DAY)
    assert len((await play.api.invoices.list_async({"subscription": subscription.id})).data) == 1
