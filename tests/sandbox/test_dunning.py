"""What follows failed renewals: retries, and the three things that an account may choose after the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play
from tests.sandbox.test_life import HOUR, until_period_end

if TYPE_CHECKING:
    import httpx

FAILS = "4000000000000341"


async def dunning(play: Play, **settings: Any) -> httpx.Response:
    return await play.http.post("/_sandbox/dunning", json=settings)


async def failing(play: Play, **settings: Any) -> Any:
    """A subscription whose renewal has just failed."""
    assert (await dunning(play, **settings)).status_code == 200
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, FAILS)
    await until_period_end(play, subscription, HOUR + 60)
    return await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})


async def test_settings_are_kept_and_forgotten(play: Play) -> None:
    default = {"afterRetries": "cancel", "retryDays": [3, 5, 7]}
    assert (await play.http.get("/_sandbox/dunning")).json() == default
    wanted = {"afterRetries": "unpaid", "retryDays": [1, 2]}
    assert (await dunning(play, **wanted)).json() == wanted
    assert (await play.http.get("/_sandbox/dunning")).json() == wanted
    assert (await dunning(play, afterRetries="past_due")).json() == {**default, "afterRetries": "past_due"}
    await play.http.post("/_sandbox/reset")
    assert (await play.http.get("/_sandbox/dunning")).json() == default


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"afterRetries": "ignore"}, "afterRetries"),
        ({"afterRetries": 3}, "afterRetries"),
        ({"retryDays": 3}, "retryDays"),
        ({"retryDays": [0]}, "retryDays"),
        ({"retryDays": [True]}, "retryDays"),
        ({"retryDays": [1.5]}, "retryDays"),
        ({"retryDays": [1] * 9}, "retryDays"),
        ({"days": [1]}, "days"),
    ],
)
async def test_bad_settings(play: Play, settings: dict[str, Any], param: str) -> None:
    answer = await dunning(play, **settings)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert (await play.http.get("/_sandbox/dunning")).json()["afterRetries"] == "cancel"


@pytest.mark.parametrize("after_retries", ["cancel", "unpaid", "past_due"])
async def test_a_renewal_without_a_payment_method_is_tried_once(play: Play, after_retries: str) -> None:
    assert (await dunning(play, afterRetries=after_retries)).status_code == 200
    subscription = await play.subscribe()
    await play.api.payment_methods.detach_async(subscription.default_payment_method)
    await until_period_end(play, subscription, HOUR + 60)
    since = await play.last()
    await play.advance(20 * DAY)
    late = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice = late.latest_invoice
    assert (late.status, invoice.status, invoice.attempt_count) == ("past_due", "open", 1)
    assert (invoice.next_payment_attempt, invoice.auto_advance) == (None, True)
    assert await play.types(since) == []
    card = await play.api.payment_methods.attach_async("pm_card_visa", {"customer": subscription.customer})
    assert (await play.api.invoices.pay_async(invoice.id, {"payment_method": card.id})).status == "paid"
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_no_retry_follows_when_the_payment_method_is_gone(play: Play) -> None:
    late = await failing(play)
    assert late.latest_invoice.next_payment_attempt is not None
    subscription = await play.api.subscriptions.retrieve_async(late.id)
    methods = await play.api.payment_methods.list_async({"customer": subscription.customer})
    for method in methods.data:
        await play.api.payment_methods.detach_async(method.id)
    await play.advance(20 * DAY)
    invoice = await play.api.invoices.retrieve_async(late.latest_invoice.id)
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 2, None)
    assert (await play.api.subscriptions.retrieve_async(late.id)).status == "past_due"


async def test_own_retry_days(play: Play) -> None:
    late = await failing(play, retryDays=[1, 2])
    tries = []
    for days in (1, 2, 4):
        invoice = await play.api.invoices.retrieve_async(late.latest_invoice.id)
        tries.append((invoice.attempt_count, invoice.next_payment_attempt))
        await play.advance(days * DAY)
    first = late.latest_invoice.status_transitions.finalized_at
    assert tries == [(1, first + DAY), (2, first + 3 * DAY), (3, None)]
    over = await play.api.subscriptions.retrieve_async(late.id)
    assert (over.status, over.ended_at) == ("canceled", first + 3 * DAY)


async def test_no_retries_at_all(play: Play) -> None:
    over = await failing(play, retryDays=[])
    assert (over.status, over.latest_invoice.status, over.latest_invoice.auto_advance) == ("canceled", "open", False)
    assert over.latest_invoice.next_payment_attempt is None


async def test_unpaid_makes_drafts_that_wait(play: Play) -> None:
    late = await failing(play, afterRetries="unpaid", retryDays=[3])
    assert late.status == "past_due"
    since = await play.last()
    await play.advance(3 * DAY)
    events = await play.events(since)
    assert [event.type for event in events][-4:] == [
        "invoice.updated",
        "invoice.payment_failed",
        "customer.subscription.updated",
        "invoice.updated",
    ]
    assert events[-3].data.object.next_payment_attempt is None
    assert events[-2].data.previous_attributes.to_dict() == {"status": "past_due"}
    assert events[-1].data.object.auto_advance is False
    # Another card brings no try by itself, and the next period only a draft.
    await play.change_card(late.customer, "4242424242424242")
    since = await play.last()
    await until_period_end(play, late, 30 * HOUR)
    assert await play.types(since) == ["invoice.created", "customer.subscription.updated"]
    unpaid = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["latest_invoice"]})
    draft = unpaid.latest_invoice
    assert (unpaid.status, draft.status, draft.auto_advance) == ("unpaid", "draft", False)
    assert draft.automatically_finalizes_at is None
    # An older invoice does not bring it back, the latest does.
    await play.api.invoices.pay_async(late.latest_invoice.id)
    assert (await play.api.subscriptions.retrieve_async(late.id)).status == "unpaid"
    since = await play.last()
    await play.api.invoices.pay_async(draft.id)
    assert (await play.api.subscriptions.retrieve_async(late.id)).status == "active"
    types = await play.types(since)
    assert types.index("invoice.paid") < types.index("customer.subscription.updated")
    # And it is collected again.
    await until_period_end(play, unpaid, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["latest_invoice"]})
    assert (renewed.status, renewed.latest_invoice.status) == ("active", "paid")


async def test_left_past_due_it_goes_on_trying(play: Play) -> None:
    late = await failing(play, afterRetries="past_due", retryDays=[2])
    await play.advance(3 * DAY)
    still = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["latest_invoice"]})
    assert (still.status, still.latest_invoice.next_payment_attempt) == ("past_due", None)
    await play.change_card(late.customer, "4242424242424242")
    await play.advance(5 * DAY)
    assert (await play.api.invoices.retrieve_async(late.latest_invoice.id)).status == "open"
    await until_period_end(play, still, 2 * HOUR)
    renewed = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["latest_invoice"]})
    assert (renewed.status, renewed.latest_invoice.status) == ("active", "paid")


@pytest.mark.parametrize(("verb", "delinquent"), [("void_invoice", True), ("mark_uncollectible", False)])
async def test_an_invoice_that_nobody_waits_for(play: Play, verb: str, delinquent: bool) -> None:
    late = await failing(play)
    since = await play.last()
    await getattr(play.api.invoices, f"{verb}_async")(late.latest_invoice.id)
    after = await play.api.subscriptions.retrieve_async(late.id, {"expand": ["customer"]})
    assert (after.status, after.customer.delinquent) == ("active", delinquent)
    assert (await play.types(since))[-1] == "customer.subscription.updated"
    since = await play.last()
    await play.advance(20 * DAY)
    assert await play.types(since) == []


async def test_a_voided_first_invoice_expires_its_subscription(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_chargeCustomerFail"})
    methods = await play.api.payment_methods.list_async({"customer": customer.id})
    subscription = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": (await play.price()).id}],
            "default_payment_method": methods.data[0].id,
        }
    )
    await play.api.invoices.void_invoice_async(subscription.latest_invoice)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "incomplete_expired"
    since = await play.last()
    await play.advance(2 * DAY)
    assert await play.types(since) == []


async def test_the_end_stops_every_invoice(play: Play) -> None:
    late = await failing(play)
    await play.api.subscriptions.cancel_async(late.id)
    invoice = await play.api.invoices.retrieve_async(late.latest_invoice.id)
    assert (invoice.status, invoice.auto_advance, invoice.next_payment_attempt) == ("open", False, None)
    since = await play.last()
    await play.advance(20 * DAY)
    assert await play.types(since) == []
    # It can still be paid, and that brings nothing back.
    await play.api.invoices.pay_async(invoice.id, {"payment_method": "pm_card_visa"})
    assert (await play.api.subscriptions.retrieve_async(late.id)).status == "canceled"


async def test_the_end_within_the_hour_of_a_draft(play: Play) -> None:
    subscription = await play.subscribe()
    await until_period_end(play, subscription, 60)
    over = await play.api.subscriptions.cancel_async(subscription.id, {"expand": ["latest_invoice"]})
    draft = over.latest_invoice
    assert (draft.status, draft.auto_advance, draft.automatically_finalizes_at) == ("draft", False, None)
    since = await play.last()
    await play.advance(2 * HOUR)
    assert await play.types(since) == []


async def test_the_last_failure_of_many_subscriptions_is_one_customers(play: Play) -> None:
    """One subscription's end leaves the customer's other one alone."""
    late = await failing(play, retryDays=[1])
    other = await play.api.subscriptions.create_async(
        {
            "customer": late.customer,
            "items": [{"price": (await play.price()).id}],
            "default_payment_method": (
                await play.api.payment_methods.attach_async("pm_card_visa", {"customer": late.customer})
            ).id,
        }
    )
    await play.advance(2 * DAY)
    statuses = {entry.id: entry.status for entry in (await play.api.subscriptions.list_async({"status": "all"})).data}
    assert statuses == {late.id: "canceled", other.id: "active"}


async def test_unpaid_cannot_be_resumed(play: Play) -> None:
    late = await failing(play, afterRetries="unpaid", retryDays=[])
    assert late.status == "unpaid"
    with pytest.raises(stripe.InvalidRequestError, match="`unpaid`"):
        await play.api.subscriptions.resume_async(late.id)
