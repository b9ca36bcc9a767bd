"""Changes of a running subscription: credits and charges to the second, and when they are billed."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.play import DAY, Play

from licet_sandbox.billing.invoices.debits import Debit
from licet_sandbox.billing.subscriptions.proration import prorate, unused_amount

HOUR = 3600


def item_of(subscription: Any) -> Any:
    return subscription["items"].data[0]


def period(subscription: Any) -> tuple[int, int]:
    item = item_of(subscription)
    return item.current_period_start, item.current_period_end


def middle(subscription: Any) -> int:
    start, end = period(subscription)
    return (start + end) // 2


def proration(line: Any) -> bool:
    details = line.parent.subscription_item_details
    return details is not None and bool(details.proration)


async def latest(play: Play, subscription: Any) -> Any:
    found = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    return found.latest_invoice


async def pending(play: Play, subscription: Any) -> list[Any]:
    page = await play.api.invoice_items.list_async({"customer": subscription.customer, "pending": True})
    return list(reversed(page.data))


async def switch(play: Play, subscription: Any, price: Any, **more: Any) -> Any:
    items = [{"id": item_of(subscription).id, "price": price.id}]
    given = {"items": items, "proration_date": middle(subscription), **more}
    return await play.api.subscriptions.update_async(subscription.id, given)


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


@settings(max_examples=300, deadline=None)
@given(
    amount=st.integers(0, 10**9),
    length=st.integers(1, 366 * DAY),
    moments=st.lists(st.floats(0, 1), min_size=1, max_size=6),
)
def test_credits_agree_with_plain_arithmetic_and_never_exceed_the_debit(
    amount: int, length: int, moments: list[float]
) -> None:
    debit = Debit("il_1", amount, 0, length, length, "price_1", 1, {})
    credited, until = 0, length
    for at in sorted((int(part * length) for part in moments), reverse=True):
        whole = unused_amount(debit, at)
        assert whole == half_up(Fraction(amount * (length - at), length)) == prorate(amount, length - at, length)
        again = Debit("il_1", amount, 0, length, until, "price_1", 1, {})
        if at < until:
            credited, until = credited + unused_amount(again, at), at
        assert credited == unused_amount(debit, until) <= amount


@pytest.mark.parametrize(("old", "new", "quantity"), [(1000, 3000, 1), (3000, 1000, 1), (999, 1999, 7)])
async def test_an_upgrade_is_charged_at_once(play: Play, old: int, new: int, quantity: int) -> None:
    subscription = await play.subscribe(price=await play.price(old))
    start, end = period(subscription)
    other, at = await play.price(new, name="Other"), start + 777_777
    since = await play.last()
    change = [{"id": item_of(subscription).id, "price": other.id, "quantity": quantity}]
    given = {"items": change, "proration_behavior": "always_invoice", "proration_date": at}
    changed = await play.api.subscriptions.update_async(subscription.id, given)
    assert period(changed) == (start, end)
    invoice = await latest(play, subscription)
    credit, charge = invoice.lines.data
    assert credit.amount == -prorate(old, end - at, end - start)
    assert charge.amount == prorate(new * quantity, end - at, end - start)
    assert all(proration(line) and (line.period.start, line.period.end) == (at, end) for line in (credit, charge))
    assert credit.description.startswith("Unused time on Thing after ")
    counted = "" if quantity == 1 else f"{quantity} × "  # noqa: RUF001
    assert charge.description.startswith(f"Remaining time on {counted}Other after ")
    paid_for = credit.parent.subscription_item_details.proration_details.credited_items
    assert paid_for.invoice == subscription.latest_invoice
    first = await play.api.invoices.retrieve_async(subscription.latest_invoice)
    assert paid_for.invoice_line_items == [first.lines.data[0].id]
    total = credit.amount + charge.amount
    assert (invoice.total, invoice.billing_reason, invoice.status) == (total, "subscription_update", "paid")
    assert (invoice.amount_paid, invoice.amount_due) == (max(total, 0),) * 2
    customer = await play.api.customers.retrieve_async(subscription.customer)
    assert customer.balance == min(total, 0)
    types = await play.types(since)
    assert types[:5] == [
        "invoiceitem.created",
        "invoiceitem.created",
        "invoice.created",
        "customer.subscription.updated",
        "invoice.finalized",
    ]
    assert ("charge.succeeded" in types) is (total > 0)
    assert "invoice.paid" in types


async def test_by_default_the_next_invoice_brings_it(play: Play) -> None:
    subscription = await play.subscribe()
    other, since = await play.price(3000), await play.last()
    changed = await switch(play, subscription, other)
    assert await play.types(since) == ["invoiceitem.created", "invoiceitem.created", "customer.subscription.updated"]
    assert (changed.latest_invoice, item_of(changed).quantity) == (subscription.latest_invoice, 1)
    waiting = await pending(play, subscription)
    assert [item.amount for item in waiting] == [-500, 1500]
    assert all(item.proration and item.parent.subscription_details.subscription == subscription.id for item in waiting)
    await play.advance(period(subscription)[1] - play.sandbox.now().timestamp() + 2 * HOUR)
    renewal = await latest(play, subscription)
    assert [line.amount for line in renewal.lines.data] == [-500, 1500, 3000]
    assert [proration(line) for line in renewal.lines.data] == [True, True, False]
    assert renewal.lines.data[0].parent.subscription_item_details.invoice_item == waiting[0].id
    assert (renewal.amount_paid, renewal.billing_reason) == (4000, "subscription_cycle")
    assert await pending(play, subscription) == []


async def test_several_changes_credit_what_was_billed(play: Play) -> None:
    subscription = await play.subscribe()
    start, end = period(subscription)
    for at, amount in ((start + 5 * DAY, 3000), (start + 10 * DAY, 2000), (start + 10 * DAY, 500)):
        await switch(play, subscription, await play.price(amount), proration_date=at)
    length = end - start
    credited = [item.amount for item in await pending(play, subscription) if item.amount < 0]
    first = prorate(3000, end - start - 5 * DAY, length)
    assert credited == [
        -prorate(1000, length - 5 * DAY, length),
        -prorate(first, length - 10 * DAY, length - 5 * DAY),
        -prorate(2000, length - 10 * DAY, length),
    ]
    named = [item.proration_details.credited_items for item in await pending(play, subscription) if item.amount < 0]
    assert [one.type for one in named] == ["invoice_line_items", "invoice_item", "invoice_item"]
    # Back to nothing at the same moment: nobody pays or gets anything for time after it.
    await play.api.subscriptions.cancel_async(subscription.id, {"prorate": True, "invoice_now": True})
    final = await latest(play, subscription)
    named = [line.parent.subscription_item_details.proration_details.credited_items for line in final.lines.data]
    assert {one.invoice for one in named if one is not None} == {subscription.latest_invoice, final.id}


@pytest.mark.parametrize(("mode", "credit"), [("flexible", -500), ("classic", -1500)])
async def test_flexible_credits_what_was_billed_and_classic_the_price(play: Play, mode: str, credit: int) -> None:
    subscription = await play.subscribe(subscription_data={"billing_mode": {"type": mode}})
    await switch(play, subscription, await play.price(3000), proration_behavior="none")
    assert await pending(play, subscription) == []
    await switch(play, subscription, await play.price(500))
    assert [item.amount for item in await pending(play, subscription)] == [credit, 250]


async def test_trials_are_never_prorated(play: Play) -> None:
    subscription = await play.subscribe(subscription_data={"trial_period_days": 10})
    item = item_of(subscription)
    given = {"items": [{"id": item.id, "quantity": 5}], "proration_behavior": "always_invoice"}
    changed = await play.api.subscriptions.update_async(subscription.id, given)
    assert (changed.status, item_of(changed).quantity) == ("trialing", 5)
    assert await pending(play, subscription) == []
    assert changed.latest_invoice == subscription.latest_invoice


async def test_another_interval_keeps_the_anchor(play: Play) -> None:
    """So that the rest of a year of it is billed, as a proration."""
    subscription = await play.subscribe()
    start, end = period(subscription)
    await play.advance(middle(subscription) - play.sandbox.now().timestamp())
    changed = await switch(play, subscription, await play.price(12000, "year"), proration_behavior="always_invoice")
    now, over = period(changed)
    assert changed.billing_cycle_anchor == start
    assert 365 * DAY <= over - start <= 366 * DAY
    invoice = await latest(play, subscription)
    rest = prorate(12000, over - now, over - start)
    assert [line.amount for line in invoice.lines.data] == [-prorate(1000, end - now, end - start), rest]
    assert [proration(line) for line in invoice.lines.data] == [True, True]
    assert invoice.lines.data[1].period.end == over
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    # Renewed when the year from the anchor is over, and not before.
    await play.advance(over - now - DAY)
    assert (await latest(play, subscription)).id == invoice.id
    await play.advance(DAY + 2 * HOUR)
    renewal = await latest(play, subscription)
    assert ([line.amount for line in renewal.lines.data], renewal.billing_reason) == ([12000], "subscription_cycle")


async def test_another_interval_is_billed_later_unless_at_once_is_asked_for(play: Play) -> None:
    subscription = await play.subscribe()
    changed = await switch(play, subscription, await play.price(12000, "year"))
    assert changed.latest_invoice == subscription.latest_invoice
    assert [item.proration for item in await pending(play, subscription)] == [True, True]


async def test_from_a_year_to_a_month(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(12000, "year"))
    start, _ = period(subscription)
    await play.advance(40 * DAY)
    at_once = {"proration_behavior": "always_invoice", "proration_date": start + 40 * DAY}
    changed = await switch(play, subscription, await play.price(1000), **at_once)
    now, over = period(changed)
    assert changed.billing_cycle_anchor == start
    assert now < over < now + 31 * DAY
    unused_amount, rest = (await latest(play, subscription)).lines.data
    assert (unused_amount.amount < -10000, 0 < rest.amount < 1000, rest.period.end) == (True, True, over)


CLASSIC: dict[str, Any] = {"subscription_data": {"billing_mode": {"type": "classic"}}}


async def test_in_classic_mode_another_interval_starts_afresh(play: Play) -> None:
    subscription = await play.subscribe(**CLASSIC)
    await play.advance(middle(subscription) - play.sandbox.now().timestamp())
    yearly = await play.price(12000, "year")
    changed = await switch(play, subscription, yearly)
    now = int(play.sandbox.now().timestamp())
    start, end = period(changed)
    assert abs(start - now) <= 2
    assert changed.billing_cycle_anchor == start
    assert 365 * DAY <= end - start <= 366 * DAY
    invoice = await latest(play, subscription)
    assert [line.amount for line in invoice.lines.data] == [-500, 12000]
    assert [proration(line) for line in invoice.lines.data] == [True, False]
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == ("subscription_update", "paid", 11500)
    # Down again: the credit is more than the new price, and later invoices live on it.
    monthly = await play.price(1000)
    await switch(play, changed, monthly, proration_date=start)
    invoice = await latest(play, subscription)
    assert (invoice.total, invoice.amount_due, invoice.status) == (-11000, 0, "paid")
    assert (invoice.starting_balance, invoice.ending_balance) == (0, -11000)
    assert (await play.api.customers.retrieve_async(subscription.customer)).balance == -11000
    await play.advance(32 * DAY)
    renewal = await latest(play, subscription)
    assert (renewal.total, renewal.amount_due, renewal.starting_balance, renewal.ending_balance) == (
        1000,
        0,
        -11000,
        -10000,
    )
    assert (renewal.status, renewal.amount_paid) == ("paid", 0)


async def test_in_classic_mode_another_interval_is_billed_in_full_without_proration(play: Play) -> None:
    subscription = await play.subscribe(**CLASSIC)
    await switch(play, subscription, await play.price(12000, "year"), proration_behavior="none")
    invoice = await latest(play, subscription)
    assert ([line.amount for line in invoice.lines.data], invoice.status) == ([12000], "paid")


async def test_the_anchor_is_moved_to_now(play: Play) -> None:
    subscription = await play.subscribe()
    await play.advance(10 * DAY)
    given = {"billing_cycle_anchor": {"type": "now"}}
    changed = await play.api.subscriptions.update_async(subscription.id, given)
    start, end = period(subscription)
    now = period(changed)[0]
    invoice = await latest(play, subscription)
    credit = prorate(1000, end - now, end - start)
    assert [line.amount for line in invoice.lines.data] == [-credit, 1000]
    assert (invoice.status, changed.billing_cycle_anchor) == ("paid", now)
    kept: dict[str, Any] = {"items": [{"id": item_of(subscription).id, "price": (await play.price(6000, "year")).id}]}
    kept["billing_cycle_anchor"] = {"type": "unchanged"}
    same = await play.api.subscriptions.update_async(subscription.id, kept)
    assert same.billing_cycle_anchor == changed.billing_cycle_anchor
    assert same.latest_invoice == invoice.id


async def test_free_to_paid_keeps_the_anchor(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(0), payment_method_collection="always")
    start, end = period(subscription)
    await play.advance(10 * DAY)
    changed = await switch(play, subscription, await play.price(2000), proration_behavior="always_invoice")
    (line,) = (await latest(play, subscription)).lines.data
    assert (line.amount, line.period.end) == (prorate(2000, end - line.period.start, end - start), end)
    assert period(changed) == (start, end)


async def test_in_classic_mode_free_to_paid_is_charged_at_once(play: Play) -> None:
    subscription = await play.subscribe(price=await play.price(0), payment_method_collection="always", **CLASSIC)
    await play.advance(10 * DAY)
    changed = await switch(play, subscription, await play.price(2000))
    invoice = await latest(play, subscription)
    assert ([line.amount for line in invoice.lines.data], invoice.status) == ([2000], "paid")
    assert changed.billing_cycle_anchor == period(changed)[0] > period(subscription)[0]


async def test_trials_begin_and_end(play: Play) -> None:
    subscription = await play.subscribe()
    start, end = period(subscription)
    trial_end = end + 20 * DAY
    since = await play.last()
    trying = await play.api.subscriptions.update_async(subscription.id, {"trial_end": trial_end})
    assert (trying.status, trying.trial_end, trying.billing_cycle_anchor) == ("trialing", trial_end, trial_end)
    invoice = await latest(play, subscription)
    credit, trial = invoice.lines.data
    assert (credit.amount, trial.amount) == (-prorate(1000, end - period(trying)[0], end - start), 0)
    assert (invoice.status, invoice.ending_balance) == ("paid", credit.amount)
    assert "customer.updated" in await play.types(since)
    over = await play.api.subscriptions.update_async(subscription.id, {"trial_end": "now"})
    assert (over.status, over.trial_end) == ("active", over.billing_cycle_anchor)
    invoice = await latest(play, subscription)
    assert ([line.amount for line in invoice.lines.data], invoice.amount_due) == ([1000], 1000 + credit.amount or 0)


async def test_a_declined_card_makes_it_past_due(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    changed = await switch(play, subscription, await play.price(3000), proration_behavior="always_invoice")
    assert (changed.status, item_of(changed).price.unit_amount) == ("past_due", 3000)
    invoice = await latest(play, subscription)
    assert (invoice.status, invoice.attempt_count, invoice.amount_due) == ("open", 1, 1000)
    assert invoice.next_payment_attempt is not None
    await play.api.invoices.pay_async(invoice.id, {"payment_method": "pm_card_visa"})
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


@pytest.mark.parametrize(
    ("card", "code"),
    [("4000000000000341", "card_declined"), ("4000002760003184", "subscription_payment_intent_requires_action")],
)
async def test_error_if_incomplete_changes_nothing(play: Play, card: str, code: str) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, card)
    other, before = await play.price(3000), await play.api.subscriptions.retrieve_async(subscription.id)
    since = await play.last()
    given = {
        "items": [{"id": item_of(subscription).id, "price": other.id}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "error_if_incomplete",
    }
    options = {"idempotency_key": "one-upgrade"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            await play.api.subscriptions.update_async(subscription.id, given, options)
        assert (refused.value.http_status, refused.value.code) == (402, code)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after.to_dict() == before.to_dict()
    assert await pending(play, subscription) == []
    assert await play.types(since) == []


async def test_the_same_key_charges_once(play: Play) -> None:
    subscription = await play.subscribe()
    given = {
        "items": [{"id": item_of(subscription).id, "quantity": 3}],
        "proration_behavior": "always_invoice",
        "proration_date": middle(subscription),
    }
    options = {"idempotency_key": "three-of-them"}
    first, second = [await play.api.subscriptions.update_async(subscription.id, given, options) for _ in range(2)]
    assert first.to_dict() == second.to_dict()
    charges = await play.api.charges.list_async({"customer": subscription.customer})
    assert [charge.amount for charge in charges.data] == [1000, 1000]


async def test_default_incomplete_waits_for_its_customer(play: Play) -> None:
    subscription = await play.subscribe()
    more = {"proration_behavior": "always_invoice", "payment_behavior": "default_incomplete"}
    changed = await switch(play, subscription, await play.price(3000), **more)
    assert changed.status == "past_due"
    invoice = await latest(play, subscription)
    assert (invoice.status, invoice.attempt_count) == ("open", 0)
    await play.api.invoices.pay_async(invoice.id)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).status == "active"


async def test_pending_updates(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    other = await play.price(3000)
    more = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    waiting = await switch(play, subscription, other, **more)
    assert (waiting.status, item_of(waiting).price.unit_amount) == ("active", 1000)
    assert waiting.pending_update.subscription_items[0].price.id == other.id
    now = int(play.sandbox.now().timestamp())
    assert abs(waiting.pending_update.expires_at - now - 23 * HOUR) <= 2
    invoice = await latest(play, subscription)
    assert (invoice.status, invoice.next_payment_attempt) == ("open", None)
    since = await play.last()
    await play.api.invoices.pay_async(invoice.id, {"payment_method": "pm_card_visa"})
    applied = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (applied.pending_update, item_of(applied).price.id) == (None, other.id)
    assert (await play.types(since))[-2:] == [
        "customer.subscription.updated",
        "customer.subscription.pending_update_applied",
    ]


async def test_pending_updates_expire(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    more = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    await switch(play, subscription, await play.price(3000), **more)
    invoice, since = await latest(play, subscription), await play.last()
    await play.advance(23 * HOUR + 60)
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (after.status, after.pending_update, item_of(after).price.unit_amount) == ("active", None, 1000)
    assert (await play.api.invoices.retrieve_async(invoice.id)).status == "void"
    assert (await play.types(since))[-2:] == [
        "customer.subscription.updated",
        "customer.subscription.pending_update_expired",
    ]
    # The credit went with its invoice: what was billed can still be given back, once.
    over = await play.api.subscriptions.cancel_async(subscription.id, {"prorate": True})
    (credit,) = await pending(play, over)
    start, end = period(subscription)
    assert credit.amount == -prorate(1000, end - credit.period.start, end - start)


async def test_pending_updates_that_succeed_are_none(play: Play) -> None:
    subscription = await play.subscribe()
    more = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    since = await play.last()
    changed = await switch(play, subscription, await play.price(3000), **more)
    assert (changed.pending_update, item_of(changed).price.unit_amount) == (None, 3000)
    types = await play.types(since)
    assert types[-1] == "customer.subscription.updated"
    assert types.count("customer.subscription.updated") == 1


async def test_a_canceled_subscription_gives_back(play: Play) -> None:
    subscription = await play.subscribe()
    await play.advance(10 * DAY)
    since = await play.last()
    over = await play.api.subscriptions.cancel_async(subscription.id, {"prorate": True, "invoice_now": True})
    invoice = await latest(play, subscription)
    start, end = period(subscription)
    assert invoice.total == -prorate(1000, end - over.ended_at, end - start)
    assert (invoice.status, invoice.ending_balance) == ("paid", invoice.total)
    assert (await play.types(since))[:3] == ["invoiceitem.created", "customer.subscription.deleted", "invoice.created"]


async def test_canceling_drops_pending_prorations(play: Play) -> None:
    subscription = await play.subscribe()
    await switch(play, subscription, await play.price(3000))
    since = await play.last()
    await play.api.subscriptions.cancel_async(subscription.id)
    assert await play.types(since) == ["invoiceitem.deleted", "invoiceitem.deleted", "customer.subscription.deleted"]
    assert await pending(play, subscription) == []


async def test_an_end_within_the_period_is_credited(play: Play) -> None:
    subscription = await play.subscribe()
    start, end = period(subscription)
    ends = await play.api.subscriptions.update_async(subscription.id, {"cancel_at": end - 5 * DAY})
    assert period(ends) == (start, end - 5 * DAY)
    (credit,) = await pending(play, subscription)
    assert credit.amount == -prorate(1000, 5 * DAY, end - start)
    back = await play.api.subscriptions.update_async(subscription.id, {"cancel_at": ""})
    assert (period(back), await pending(play, subscription)) == ((start, end), [])
    plain = {"cancel_at": end - 5 * DAY, "proration_behavior": "none"}
    await play.api.subscriptions.update_async(subscription.id, plain)
    assert await pending(play, subscription) == []
    # In a later period only the time until the end is billed.
    await play.api.subscriptions.update_async(subscription.id, {"cancel_at": end + 10 * DAY})
    await play.advance(end - play.sandbox.now().timestamp() + 2 * HOUR)
    renewal = await latest(play, subscription)
    line = renewal.lines.data[0]
    assert (line.period.start, line.period.end) == (end, end + 10 * DAY)
    assert 300 < line.amount < 400
    assert renewal.total == line.amount


async def test_items_of_different_intervals(play: Play) -> None:
    monthly, yearly = await play.price(1000), await play.price(9000, "year")
    subscription = await play.subscribe(price=monthly)
    start, end = period(subscription)
    given = {"items": [{"price": yearly.id}], "proration_behavior": "always_invoice", "proration_date": start}
    both = await play.api.subscriptions.update_async(subscription.id, given)
    year = both["items"].data[1]
    assert 365 * DAY <= year.current_period_end - start <= 366 * DAY
    invoice = await latest(play, subscription)
    assert [line.amount for line in invoice.lines.data] == [9000]
    await play.advance(end - play.sandbox.now().timestamp() + 2 * HOUR)
    renewal = await latest(play, subscription)
    assert [line.pricing.price_details.price for line in renewal.lines.data] == [monthly.id]
    classic = await play.subscribe(price=monthly, subscription_data={"billing_mode": {"type": "classic"}})
    with pytest.raises(stripe.InvalidRequestError, match="same `interval`"):
        await play.api.subscriptions.update_async(classic.id, {"items": [{"price": yearly.id}]})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"proration_date": 1}, "proration_date"),
        ({"items": [{"id": "si_nobody", "quantity": 2}]}, "items[0][id]"),
        ({"items": [{"deleted": True}]}, "items[0][id]"),
        ({"items": [{"price": "price_nobody"}]}, "items[0][price]"),
        ({"trial_end": 1}, "trial_end"),
        ({"trial_end": 99999999999}, "trial_end"),
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"days_until_due": 3}, "days_until_due"),
        ({"transfer_data": {"destination": "acct_1"}}, "transfer_data"),
        ({"pending_invoice_item_interval": {"interval": "day"}}, "pending_invoice_item_interval"),
        ({"automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ({"default_tax_rates": ["txr_1"]}, "default_tax_rates"),
        ({"payment_behavior": "pending_if_incomplete", "description": "x"}, "description"),
        ({"cancel_at": "max_billed_until"}, "cancel_at"),
    ],
)
async def test_refused_changes(play: Play, given: dict[str, Any], param: str) -> None:
    subscription = await play.subscribe()
    since = await play.last()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.subscriptions.update_async(subscription.id, given)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert await play.types(since) == []
