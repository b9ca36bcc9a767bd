"""Pausing a subscription and resuming it, and pausing only the collection of its invoices."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play
from tests.sandbox.test_life import HOUR, period, until_period_end
from tests.sandbox.test_schedules import customer_with_card

NONE = {"bill_for": {"unused_time_from": {"type": "none"}}}
SUCCESS = {"payment_behavior": "resume_on_payment_success"}


async def half_way(play: Play, **more: Any) -> Any:
    """A subscription of 30.00 a month, in the middle of its period."""
    subscription = await play.subscribe(price=await play.price(3000), **more)
    start, end = period(subscription)
    await play.advance((end - start) / 2)
    return subscription


async def paused(play: Play, **given: Any) -> Any:
    subscription = await half_way(play)
    return await play.api.subscriptions.pause_async(subscription.id, given or NONE)


async def items_made(play: Play, since: str) -> list[Any]:
    return [event.data.object for event in await play.events(since) if event.type == "invoiceitem.created"]


async def test_pause(play: Play) -> None:
    subscription = await half_way(play)
    since = await play.last()
    asleep = await play.api.subscriptions.pause_async(subscription.id, {"type": "subscription", **NONE})
    now = int(play.sandbox.now().timestamp())
    assert asleep.status == "paused"
    assert asleep.status_details.paused.subscription.type == "pause_requested"
    assert now - 2 <= asleep.status_details.paused.transitioned_at <= now
    assert period(asleep)[1] == asleep.status_details.paused.transitioned_at
    assert asleep.pause_collection is None
    events = await play.events(since)
    assert [event.type for event in events] == ["customer.subscription.updated", "customer.subscription.paused"]
    assert events[0].data.previous_attributes["status"] == "active"
    # No invoices, no new periods, no warnings.
    since = await play.last()
    await play.advance(90 * DAY)
    assert await play.types(since) == []
    assert period(await play.api.subscriptions.retrieve_async(subscription.id)) == period(asleep)


@pytest.mark.parametrize(("unused", "credit"), [("now", -1500), ("item_current_period_start", -3000)])
async def test_unused_time_is_credited(play: Play, unused: str, credit: int) -> None:
    subscription = await half_way(play)
    since = await play.last()
    await play.api.subscriptions.pause_async(
        subscription.id, {"bill_for": {"unused_time_from": {"type": unused}}} if unused != "now" else {}
    )
    (item,) = await items_made(play, since)
    assert (item.invoice, item.proration) == (None, True)
    assert abs(item.amount - credit) <= 1
    assert item.parent.subscription_details.subscription == subscription.id
    # It comes off the invoice of the resumption.
    awake = await play.api.subscriptions.resume_async(subscription.id, {**SUCCESS, "expand": ["latest_invoice"]})
    assert (awake.status, awake.latest_invoice.total) == ("active", 3000 + item.amount)


async def test_unused_time_is_invoiced_at_once(play: Play) -> None:
    subscription = await half_way(play)
    since = await play.last()
    asleep = await play.api.subscriptions.pause_async(
        subscription.id, {"invoicing_behavior": "invoice", "expand": ["latest_invoice", "customer"]}
    )
    invoice = asleep.latest_invoice
    assert (asleep.status, invoice.status, invoice.amount_due) == ("paused", "paid", 0)
    assert abs(invoice.total + 1500) <= 1
    assert asleep.customer.balance == invoice.total
    types = await play.types(since)
    assert types.index("invoice.created") < types.index("customer.subscription.paused") < types.index("invoice.paid")


async def test_resume_with_a_new_anchor(play: Play) -> None:
    asleep = await paused(play)
    await play.advance(40 * DAY)
    since = await play.last()
    waiting = await play.api.subscriptions.resume_async(asleep.id, {"expand": ["latest_invoice"]})
    now = int(play.sandbox.now().timestamp())
    invoice = waiting.latest_invoice
    assert (waiting.status, invoice.status, invoice.total) == ("paused", "open", 3000)
    assert (invoice.auto_advance, invoice.attempt_count, invoice.billing_reason) == (False, 0, "subscription_update")
    assert waiting.pending_update.expires_at - waiting.pending_update.billing_cycle_anchor == 23 * HOUR
    assert period(waiting) == period(asleep)
    with pytest.raises(stripe.InvalidRequestError, match=invoice.id):
        await play.api.subscriptions.resume_async(asleep.id)
    await play.api.invoices.pay_async(invoice.id)
    awake = await play.api.subscriptions.retrieve_async(asleep.id)
    assert (awake.status, awake.pending_update, "status_details" in awake) == ("active", None, False)
    assert now - 2 <= awake.billing_cycle_anchor <= now
    assert period(awake)[0] == awake.billing_cycle_anchor
    assert invoice.lines.data[0].period.end == period(awake)[1]
    types = await play.types(since)
    assert types[:2] == ["invoice.created", "customer.subscription.updated"]
    assert types[-3:] == [
        "customer.subscription.updated",
        "customer.subscription.pending_update_applied",
        "customer.subscription.resumed",
    ]
    await until_period_end(play, awake, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(asleep.id, {"expand": ["latest_invoice"]})
    assert (renewed.status, renewed.latest_invoice.billing_reason) == ("active", "subscription_cycle")


async def test_resume_when_payment_succeeds(play: Play) -> None:
    asleep = await paused(play)
    awake = await play.api.subscriptions.resume_async(asleep.id, {**SUCCESS, "expand": ["latest_invoice"]})
    assert (awake.status, awake.latest_invoice.status, awake.pending_update) == ("active", "paid", None)


async def test_resume_waits_for_success(play: Play) -> None:
    asleep = await paused(play)
    await play.change_card(asleep.customer, "4000000000000341")
    waiting = await play.api.subscriptions.resume_async(asleep.id, {**SUCCESS, "expand": ["latest_invoice"]})
    invoice = waiting.latest_invoice
    assert (waiting.status, invoice.status, invoice.attempt_count) == ("paused", "open", 1)
    assert waiting.pending_update.expires_at - invoice.created == 365 * DAY
    assert invoice.next_payment_attempt is not None
    await play.advance(2 * DAY)
    await play.change_card(asleep.customer, "4242424242424242")
    await play.advance(2 * DAY)
    awake = await play.api.subscriptions.retrieve_async(asleep.id)
    assert (awake.status, awake.billing_cycle_anchor) == ("active", invoice.created)


async def test_retries_of_a_resumption_end_without_its_end(play: Play) -> None:
    asleep = await paused(play)
    await play.change_card(asleep.customer, "4000000000000341")
    waiting = await play.api.subscriptions.resume_async(asleep.id, SUCCESS)
    await play.advance(20 * DAY)
    still = await play.api.subscriptions.retrieve_async(asleep.id, {"expand": ["latest_invoice"]})
    assert (still.status, still.latest_invoice.status) == ("paused", "open")
    assert (still.latest_invoice.attempt_count, still.latest_invoice.next_payment_attempt) == (4, None)
    await play.advance(350 * DAY)
    over = await play.api.subscriptions.retrieve_async(asleep.id, {"expand": ["latest_invoice"]})
    assert (over.status, over.latest_invoice.status, over.pending_update) == ("paused", "void", None)
    assert waiting.latest_invoice == over.latest_invoice.id


async def test_a_failed_attempt_resumes_past_due(play: Play) -> None:
    asleep = await paused(play)
    await play.change_card(asleep.customer, "4000000000000341")
    waiting = await play.api.subscriptions.resume_async(asleep.id)
    since = await play.last()
    with pytest.raises(stripe.CardError):
        await play.api.invoices.pay_async(waiting.latest_invoice)
    late = await play.api.subscriptions.retrieve_async(asleep.id, {"expand": ["latest_invoice"]})
    assert (late.status, late.latest_invoice.next_payment_attempt) == ("past_due", None)
    assert (await play.types(since))[-1] == "customer.subscription.resumed"
    await play.api.invoices.pay_async(waiting.latest_invoice, {"payment_method": "pm_card_visa"})
    assert (await play.api.subscriptions.retrieve_async(asleep.id)).status == "active"


@pytest.mark.parametrize("how", ["time", "void", "uncollectible"])
async def test_a_resumption_that_nobody_pays(play: Play, how: str) -> None:
    asleep = await paused(play)
    waiting = await play.api.subscriptions.resume_async(asleep.id)
    since = await play.last()
    if how == "time":
        await play.advance(23 * HOUR + 60)
        assert (await play.types(since))[-1] == "customer.subscription.pending_update_expired"
    elif how == "void":
        await play.api.invoices.void_invoice_async(waiting.latest_invoice)
    else:
        await play.api.invoices.mark_uncollectible_async(waiting.latest_invoice)
    after = await play.api.subscriptions.retrieve_async(asleep.id, {"expand": ["latest_invoice"]})
    expected = ("active", "uncollectible") if how == "uncollectible" else ("paused", "void")
    assert (after.status, after.latest_invoice.status) == expected
    assert after.pending_update is None
    if how != "uncollectible":
        again = await play.api.subscriptions.resume_async(asleep.id, SUCCESS)
        assert again.status == "active"


@pytest.mark.parametrize("behavior", ["none", "create_prorations", "always_invoice"])
async def test_resume_in_the_running_cycle(play: Play, behavior: str) -> None:
    asleep = await paused(play)
    start, end = period(await play.api.subscriptions.retrieve_async(asleep.id))
    await play.advance((end - start) / 2)
    given = {"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": behavior, **SUCCESS}
    since = await play.last()
    awake = await play.api.subscriptions.resume_async(asleep.id, {**given, "expand": ["latest_invoice"]})
    assert (awake.status, awake.billing_cycle_anchor) == ("active", asleep.billing_cycle_anchor)
    now = int(play.sandbox.now().timestamp())
    assert period(awake)[0] <= now < period(awake)[1]
    share = 3000 * (period(awake)[1] - now) / (period(awake)[1] - period(awake)[0])
    items = await items_made(play, since)
    if behavior == "none":
        assert await play.types(since) == ["customer.subscription.updated", "customer.subscription.resumed"]
    elif behavior == "create_prorations":
        assert abs(items[0].amount - share) <= 2
        assert "invoice.created" not in await play.types(since)
    else:
        assert abs(awake.latest_invoice.total - share) <= 2
        assert awake.latest_invoice.status == "paid"


async def test_a_past_due_subscription_is_paused(play: Play) -> None:
    """Its old invoices go on, and leave it paused, whether they are paid or given up."""
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await until_period_end(play, subscription, 2 * HOUR)
    asleep = await play.api.subscriptions.pause_async(subscription.id, NONE)
    await play.advance(20 * DAY)
    still = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (asleep.status, still.status, still.latest_invoice.attempt_count) == ("paused", "paused", 4)
    await play.api.invoices.pay_async(still.latest_invoice.id, {"payment_method": "pm_card_visa"})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "paused"


async def test_a_paused_subscription_ends(play: Play) -> None:
    asleep = await paused(play)
    waiting = await play.api.subscriptions.resume_async(asleep.id)
    over = await play.api.subscriptions.cancel_async(asleep.id)
    assert (over.status, over.pending_update, "status_details" in over) == ("canceled", None, False)
    await play.api.invoices.pay_async(waiting.latest_invoice)
    assert (await play.api.subscriptions.retrieve_async(asleep.id)).status == "canceled"
    since = await play.last()
    await play.advance(400 * DAY)
    assert await play.types(since) == []


async def test_a_planned_end_comes_in_a_pause_too(play: Play) -> None:
    asleep = await paused(play)
    at = int(play.sandbox.now().timestamp()) + 5 * DAY
    await play.api.subscriptions.update_async(asleep.id, {"cancel_at": at})
    await play.advance(6 * DAY)
    over = await play.api.subscriptions.retrieve_async(asleep.id)
    assert (over.status, over.ended_at) == ("canceled", at)


async def test_a_trial_without_a_card_sleeps_and_wakes(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price(3000)).id}],
            "trial_period_days": 2,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    await play.advance(3 * DAY)
    asleep = await play.api.subscriptions.retrieve_async(subscription.id)
    assert asleep.status_details.paused.subscription.type == "trial_end_without_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as cardless:
        await play.api.subscriptions.resume_async(subscription.id, SUCCESS)
    assert cardless.value.param == "payment_behavior"
    method = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    given = {"invoice_settings": {"default_payment_method": method.id}}
    await play.api.customers.update_async(customer.id, given)
    awake = await play.api.subscriptions.resume_async(subscription.id, {**SUCCESS, "expand": ["latest_invoice"]})
    assert (awake.status, awake.latest_invoice.total) == ("active", 3000)
    assert "status_details" not in awake


@pytest.mark.parametrize("state", ["trialing", "paused", "canceled", "classic", "scheduled", "incomplete"])
async def test_what_cannot_be_paused(play: Play, state: str) -> None:
    customer = await customer_with_card(play)
    given: dict[str, Any] = {"customer": customer.id, "items": [{"price": (await play.price()).id}]}
    if state == "trialing":
        given["trial_period_days"] = 3
    elif state == "classic":
        given["billing_mode"] = {"type": "classic"}
    elif state == "incomplete":
        given["payment_behavior"] = "default_incomplete"
    subscription = await play.api.subscriptions.create_async(given)
    if state == "paused":
        await play.api.subscriptions.pause_async(subscription.id, NONE)
    elif state == "canceled":
        await play.api.subscriptions.cancel_async(subscription.id)
    elif state == "scheduled":
        await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    since = await play.last()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.subscriptions.pause_async(subscription.id)
    assert refused.value.http_status == 400
    assert await play.types(since) == []


async def test_a_paused_subscription_takes_no_schedule(play: Play) -> None:
    asleep = await paused(play)
    with pytest.raises(stripe.InvalidRequestError, match="currently in the `paused` status"):
        await play.api.subscription_schedules.create_async({"from_subscription": asleep.id})


async def test_refused(play: Play) -> None:
    subscription = await play.subscribe()
    with pytest.raises(stripe.InvalidRequestError, match="`active`"):
        await play.api.subscriptions.resume_async(subscription.id)
    for verb in ("pause", "resume"):
        with pytest.raises(stripe.InvalidRequestError) as unknown:
            await getattr(play.api.subscriptions, f"{verb}_async")("sub_nobody")
        assert (unknown.value.http_status, unknown.value.code) == (404, "resource_missing")
    for given, param in (
        ({"type": "service"}, "type"),
        ({"invoicing_behavior": "later"}, "invoicing_behavior"),
        ({"bill_for": {"unused_time_from": {"type": "ever"}}}, "bill_for[unused_time_from][type]"),
        ({"bill_for": {"unused_time_from": {"x": "1"}}}, "bill_for[unused_time_from][x]"),
        ({"resumes_at": 1}, "resumes_at"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await play.api.subscriptions.pause_async(subscription.id, given)
        assert (refused.value.http_status, refused.value.param) == (400, param)
    asleep = await play.api.subscriptions.pause_async(subscription.id, NONE)
    for given, param in (
        ({"billing_cycle_anchor": "now"}, "billing_cycle_anchor"),
        ({"payment_behavior": "error_if_incomplete"}, "payment_behavior"),
        ({"proration_behavior": "some"}, "proration_behavior"),
        ({"proration_date": "soon"}, "proration_date"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await play.api.subscriptions.resume_async(asleep.id, given)
        assert (refused.value.http_status, refused.value.param) == (400, param)


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")]
)
async def test_collection_is_paused(play: Play, behavior: str, status: str) -> None:
    subscription = await play.subscribe()
    since = await play.last()
    held = await play.api.subscriptions.update_async(subscription.id, {"pause_collection": {"behavior": behavior}})
    assert (held.status, held.pause_collection.behavior, held.pause_collection.resumes_at) == ("active", behavior, None)
    events = await play.events(since)
    assert [event.type for event in events] == ["customer.subscription.updated"]
    assert events[0].data.previous_attributes.to_dict() == {"pause_collection": None}
    await until_period_end(play, subscription, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice = after.latest_invoice
    assert (after.status, invoice.status, invoice.auto_advance) == ("active", status, False)
    assert invoice.attempt_count == 0
    assert period(after)[0] == period(subscription)[1]
    # Taken back: the next one is paid, the old one stays what it is.
    back = await play.api.subscriptions.update_async(subscription.id, {"pause_collection": ""})
    assert back.pause_collection is None
    await until_period_end(play, after, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (renewed.status, renewed.latest_invoice.status) == ("active", "paid")
    assert (await play.api.invoices.retrieve_async(invoice.id)).status == status


async def test_collection_goes_on_by_the_clock(play: Play) -> None:
    subscription = await play.subscribe()
    end = period(subscription)[1]
    given = {"pause_collection": {"behavior": "void", "resumes_at": end}}
    await play.api.subscriptions.update_async(subscription.id, given)
    since = await play.last()
    await until_period_end(play, subscription, 2 * HOUR)
    events = [event for event in await play.events(since) if event.type == "customer.subscription.updated"]
    assert events[0].data.previous_attributes.to_dict() == {"pause_collection": given["pause_collection"]}
    assert events[0].created == end
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (renewed.pause_collection, renewed.latest_invoice.status) == (None, "paid")


async def test_an_open_invoice_is_retried_while_collection_is_paused(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await until_period_end(play, subscription, 2 * HOUR)
    await play.change_card(subscription.customer, "4242424242424242")
    late = await play.api.subscriptions.update_async(subscription.id, {"pause_collection": {"behavior": "void"}})
    assert late.status == "past_due"
    await play.advance(4 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_refused_pauses_of_collection(play: Play) -> None:
    subscription = await play.subscribe()
    for given, param in (
        ({"behavior": "forget"}, "pause_collection[behavior]"),
        ({"resumes_at": 4102444800}, "pause_collection[behavior]"),
        ({"behavior": "void", "resumes_at": 1}, "pause_collection[resumes_at]"),
        ({"behavior": "void", "resumes_at": "soon"}, "pause_collection[resumes_at]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await play.api.subscriptions.update_async(subscription.id, {"pause_collection": given})
        assert (refused.value.http_status, refused.value.param) == (400, param)
    await play.api.subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.subscriptions.update_async(subscription.id, {"pause_collection": {"behavior": "void"}})


@pytest.mark.parametrize("far", [-400 * DAY, 400 * DAY])
async def test_a_resumption_is_prorated_within_its_period(play: Play, far: int) -> None:
    subscription = await paused(play)
    given = {"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": "always_invoice"}
    at = int(play.sandbox.now().timestamp()) + far
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.api.subscriptions.resume_async(subscription.id, {**given, "proration_date": at})
    assert (caught.value.http_status, caught.value.param) == (400, "proration_date")
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "paused"
