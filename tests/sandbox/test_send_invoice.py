"""Invoices that are sent and paid by hand: what organisations ask for."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

HOUR = 3600
SENT = {"collection_method": "send_invoice", "days_until_due": 30}


async def subscribe(play: Play, **more: Any) -> Any:
    customer = await play.api.customers.create_async({"email": "ap@acme.example", "name": "Acme"})
    price = await play.price(9900, "year")
    return await play.api.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price.id}], **SENT, **more}
    )


async def latest(play: Play, subscription: Any) -> Any:
    found = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    return found.latest_invoice


async def refused(call: Any) -> tuple[int | None, str | None, str | None]:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await call
    return caught.value.http_status, caught.value.code, caught.value.param


async def test_a_subscription_paid_by_bank_transfer(play: Play) -> None:
    subscription = await subscribe(play)
    assert (subscription.status, subscription.days_until_due) == ("active", 30)
    draft = await latest(play, subscription)
    assert (draft.status, draft.collection_method, draft.attempted) == ("draft", "send_invoice", False)
    assert draft.due_date - draft.created == 30 * DAY
    await play.advance(HOUR + 1)
    sent = await latest(play, subscription)
    assert (sent.status, sent.amount_due, sent.attempt_count) == ("open", 9900, 0)
    assert (await play.types())[-3:] == ["invoice.finalized", "customer.updated", "invoice.sent"]
    paid = await play.api.invoices.pay_async(sent.id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    await play.advance(40 * DAY)
    assert "invoice.overdue" not in await play.types()
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"
    await play.advance(330 * DAY)
    renewal = await latest(play, subscription)
    assert (renewal.billing_reason, renewal.status, renewal.due_date - renewal.created) == (
        "subscription_cycle",
        "open",
        30 * DAY,
    )


async def test_overdue_paid_late_on_its_page(play: Play) -> None:
    subscription = await subscribe(play, days_until_due=14)
    await play.advance(15 * DAY)
    assert (await play.types()).count("invoice.overdue") == 1
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    invoice = await latest(play, subscription)
    late = await play.http.post(
        invoice.hosted_invoice_url, data={"card": "4000000000000002", "expiry": "12/50", "cvc": "123"}
    )
    assert late.status_code == 402
    assert (await latest(play, subscription)).next_payment_attempt is None
    paid = await play.http.post(
        invoice.hosted_invoice_url, data={"card": "4242424242424242", "expiry": "12/50", "cvc": "123"}
    )
    assert paid.status_code == 303
    assert (await latest(play, subscription)).status == "paid"
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_never_paid(play: Play) -> None:
    subscription = await subscribe(play)
    await play.advance(30 * DAY + 14 * DAY)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "past_due"
    await play.advance(2 * DAY)
    ended = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    types = await play.types()
    assert "invoice.payment_failed" not in types
    assert types.count("invoice.overdue") == 1


async def test_a_decline_before_it_is_due_changes_nothing_else(play: Play) -> None:
    subscription = await subscribe(play)
    await play.advance(HOUR + 1)
    invoice = await latest(play, subscription)
    with pytest.raises(stripe.CardError):
        await play.api.invoices.pay_async(invoice.id, {"payment_method": "pm_card_visa_chargeDeclined"})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_a_change_is_sent_at_once(play: Play) -> None:
    subscription = await subscribe(play)
    await play.advance(HOUR + 1)
    item = subscription["items"].data[0].id
    changed = await play.api.subscriptions.update_async(
        subscription.id, {"items": [{"id": item, "quantity": 3}], "proration_behavior": "always_invoice"}
    )
    invoice = await latest(play, subscription)
    assert (changed.status, invoice.status, invoice.billing_reason) == ("active", "open", "subscription_update")
    assert (await play.types()).count("invoice.sent") == 2


async def test_from_one_to_the_other(play: Play) -> None:
    subscription = await play.subscribe()
    api = play.api.subscriptions
    assert await refused(api.update_async(subscription.id, {"collection_method": "send_invoice"})) == (
        400,
        "parameter_missing",
        "days_until_due",
    )
    sent = await api.update_async(subscription.id, SENT)
    assert (sent.collection_method, sent.days_until_due) == ("send_invoice", 30)
    listed = await api.list_async({"collection_method": "send_invoice"})
    assert [one.id for one in listed.data] == [subscription.id]
    later = await api.update_async(subscription.id, {"days_until_due": 7})
    assert later.days_until_due == 7
    back = await api.update_async(subscription.id, {"collection_method": "charge_automatically"})
    assert (back.collection_method, back.days_until_due) == ("charge_automatically", None)
    await play.advance(32 * DAY)
    assert (await latest(play, subscription)).status == "paid"


async def test_a_trial_without_a_card(play: Play) -> None:
    subscription = await subscribe(play, trial_period_days=10)
    assert (subscription.status, (await latest(play, subscription)).status) == ("trialing", "paid")
    await play.advance(10 * DAY + 2 * HOUR)
    invoice = await latest(play, subscription)
    assert (invoice.status, invoice.amount_due) == ("open", 9900)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_an_invoice_by_hand(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    api = play.api.invoices
    due = int((await play.api.invoices.create_async({"customer": customer.id})).created) + 5 * DAY
    draft = await api.create_async({"customer": customer.id, "collection_method": "send_invoice", "due_date": due})
    assert draft.due_date == due
    await play.api.invoice_items.create_async(
        {"customer": customer.id, "invoice": draft.id, "amount": 700, "currency": "usd"}
    )
    moved = await api.update_async(draft.id, {"days_until_due": 2})
    assert abs(moved.due_date - (due - 3 * DAY)) < 60
    opened = await api.finalize_invoice_async(draft.id, {"auto_advance": False})
    assert (opened.status, "invoice.sent" in await play.types()) == ("open", False)
    assert await refused(api.update_async(draft.id, {"due_date": due})) == (400, "invoice_not_editable", "due_date")
    await play.advance(3 * DAY)
    assert (await play.types())[-2:] == ["invoice.overdue", "customer.updated"]
    assert (await play.api.customers.retrieve_async(customer.id)).delinquent


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"collection_method": "send_invoice"}, "parameter_missing", "days_until_due"),
        ({"days_until_due": 5}, None, "days_until_due"),
        ({"due_date": 4_000_000_000}, None, "due_date"),
        ({"collection_method": "send_invoice", "due_date": 1}, None, "due_date"),
        ({**SENT, "due_date": 4_000_000_000}, "parameters_exclusive", "due_date"),
        ({**SENT, "days_until_due": -1}, None, "days_until_due"),
        ({"collection_method": "by_pigeon"}, None, "collection_method"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], code: str | None, param: str) -> None:
    customer = await play.api.customers.create_async({})
    assert await refused(play.api.invoices.create_async({"customer": customer.id, **given})) == (400, code, param)
    if "due_date" not in given:
        price = await play.price()
        call = play.api.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}], **given})
        assert await refused(call) == (400, code, param)


async def test_nothing_pends(play: Play) -> None:
    subscription = await subscribe(play)
    item = {"id": subscription["items"].data[0].id, "quantity": 2}
    call = play.api.subscriptions.update_async(
        subscription.id, {"items": [item], "payment_behavior": "pending_if_incomplete"}
    )
    assert await refused(call) == (400, None, "payment_behavior")
    assert await refused(subscribe(play, payment_behavior="pending_if_incomplete")) == (400, None, "payment_behavior")
