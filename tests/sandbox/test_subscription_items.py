"""Subscription items by themselves."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

from licet_sandbox.billing.subscriptions.proration import prorate


async def pending(play: Play, customer: str) -> list[int]:
    page = await play.api.invoice_items.list_async({"customer": customer, "pending": True})
    return [item.amount for item in reversed(page.data)]


async def test_an_item_lives(play: Play) -> None:
    subscription = await play.subscribe()
    first = subscription["items"].data[0]
    start, end = first.current_period_start, first.current_period_end
    other = await play.price(2000)
    half = (start + end) // 2
    given = {"subscription": subscription.id, "price": other.id, "quantity": 2, "metadata": {"seat": "a"}}
    made = await play.api.subscription_items.create_async({**given, "proration_date": half})
    assert (made.quantity, made.metadata["seat"], made.subscription) == (2, "a", subscription.id)
    assert (made.current_period_start, made.current_period_end) == (start, end)
    assert await pending(play, subscription.customer) == [2000]
    listed = await play.api.subscription_items.list_async({"subscription": subscription.id})
    assert [item.id for item in listed.data] == [first.id, made.id]
    page = await play.api.subscription_items.list_async({"subscription": subscription.id, "limit": 1})
    assert (len(page.data), page.has_more) == (1, True)
    changed = await play.api.subscription_items.update_async(
        made.id, {"quantity": 4, "proration_date": half, "proration_behavior": "always_invoice"}
    )
    assert (await play.api.subscription_items.retrieve_async(made.id)).to_dict() == changed.to_dict()
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert [line.amount for line in after.latest_invoice.lines.data] == [2000, -2000, 4000]
    debit, credit, _ = after.latest_invoice.lines.data
    named = credit.parent.subscription_item_details.proration_details.credited_items
    assert (named.invoice, named.invoice_line_items) == (after.latest_invoice.id, [debit.id])
    plain = await play.api.subscription_items.update_async(made.id, {"metadata": {"seat": "b"}})
    assert (plain.metadata["seat"], await pending(play, subscription.customer)) == ("b", [])
    gone = await play.api.subscription_items.delete_async(made.id, {"proration_date": half})
    assert (gone.id, gone.deleted) == (made.id, True)
    assert await pending(play, subscription.customer) == [-4000]
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await play.api.subscription_items.retrieve_async(made.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


async def test_what_an_event_says_of_it(play: Play) -> None:
    subscription = await play.subscribe()
    item = subscription["items"].data[0]
    since = await play.last()
    await play.api.subscription_items.update_async(item.id, {"quantity": 2, "proration_behavior": "none"})
    (event,) = await play.events(since)
    assert event.type == "customer.subscription.updated"
    assert event.data.previous_attributes["items"]["data"][0]["quantity"] == 1
    assert event.data.object["items"]["data"][0]["quantity"] == 2


async def test_the_last_item_stays(play: Play) -> None:
    subscription = await play.subscribe()
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        await play.api.subscription_items.delete_async(subscription["items"].data[0].id)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "price"),
        ({"price": "price_nobody"}, "price"),
        ({"price": "ONE_TIME"}, "price"),
        ({"price": "EURO"}, "price"),
        ({"price": "SAME"}, "price"),
        ({"price": "OTHER", "quantity": -1}, "quantity"),
        ({"price": "OTHER", "plan": "OTHER"}, "plan"),
        ({"price": "OTHER", "tax_rates": ["txr_1"]}, "tax_rates"),
        ({"price": "OTHER", "billing_thresholds": {"usage_gte": 3}}, "billing_thresholds"),
        ({"price": "OTHER", "current_trial": {"trial_offer": "to_1"}}, "current_trial"),
        ({"price": "OTHER", "proration_date": 12}, "proration_date"),
    ],
)
async def test_refused_items(play: Play, given: dict[str, Any], param: str) -> None:
    price = await play.price()
    subscription = await play.subscribe(price=price)
    known = {
        "ONE_TIME": (await play.price(5, None)).id,
        "EURO": (await play.price(5, currency="eur")).id,
        "SAME": price.id,
        "OTHER": (await play.price(7)).id,
    }
    wanted = {key: known.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.subscription_items.create_async({"subscription": subscription.id, **wanted})
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert len((await play.api.subscription_items.list_async({"subscription": subscription.id})).data) == 1


async def test_a_price_made_for_it(play: Play) -> None:
    subscription = await play.subscribe()
    product = await play.api.products.create_async({"name": "Seat"})
    data = {"currency": "usd", "product": product.id, "unit_amount": 500, "recurring": {"interval": "month"}}
    made = await play.api.subscription_items.create_async({"subscription": subscription.id, "price_data": data})
    assert (made.price.unit_amount, made.price.active) == (500, False)


async def test_after_the_end_nothing_changes(play: Play) -> None:
    subscription = await play.subscribe()
    await play.api.subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="ended"):
        await play.api.subscription_items.update_async(subscription["items"].data[0].id, {"quantity": 2})


async def test_a_declined_card_changes_no_item(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    item = subscription["items"].data[0]
    given = {"quantity": 9, "proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError) as refused:
        await play.api.subscription_items.update_async(item.id, given)
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    assert (await play.api.subscription_items.retrieve_async(item.id)).quantity == 1
    given["payment_behavior"] = "pending_if_incomplete"
    waiting = await play.api.subscription_items.update_async(item.id, given)
    assert waiting.quantity == 1
    after = await play.api.subscriptions.retrieve_async(subscription.id)
    assert after.pending_update.subscription_items[0].quantity == 9


async def test_a_renewal_with_many_items(play: Play) -> None:
    subscription = await play.subscribe()
    end = subscription["items"].data[0].current_period_end
    for amount in range(100, 1300, 100):
        await play.api.subscription_items.create_async(
            {"subscription": subscription.id, "price": (await play.price(amount)).id, "proration_behavior": "none"}
        )
    await play.advance(32 * DAY)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    invoice = after.latest_invoice
    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (
        10,
        True,
        1000 + sum(range(100, 1300, 100)),
    )
    assert all(line.period.start == end for line in invoice.lines.data)
    assert prorate(1, 1, 2) == 1
