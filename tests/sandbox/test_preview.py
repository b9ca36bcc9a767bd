"""Previews: nothing is stored, and what they say is what is charged."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play

HOUR = 3600


async def everything(play: Play, subscription: Any) -> list[Any]:
    """What a preview could have changed."""
    found = [
        await play.api.subscriptions.retrieve_async(subscription.id),
        await play.api.customers.retrieve_async(subscription.customer),
        await play.api.invoices.list_async({"limit": 100}),
        await play.api.invoice_items.list_async({"limit": 100}),
        await play.api.payment_intents.list_async({"limit": 100}),
        await play.api.events.list_async({"limit": 100}),
    ]
    return [one.to_dict() for one in found]


def shape(invoice: Any) -> list[Any]:
    lines = [(line.amount, line.description, line.period.start, line.period.end) for line in invoice.lines.data]
    return [lines, invoice.total, invoice.amount_due, invoice.starting_balance, invoice.subtotal]


CHANGES: dict[str, dict[str, Any]] = {
    "upgrade": {"items": [{"price": "dear"}], "proration_behavior": "always_invoice"},
    "downgrade": {"items": [{"price": "cheap"}], "proration_behavior": "always_invoice"},
    "quantity": {"items": [{"quantity": 7}], "proration_behavior": "always_invoice"},
    "interval": {"items": [{"price": "yearly"}], "proration_behavior": "always_invoice"},
    "interval and anchor": {"items": [{"price": "yearly"}], "billing_cycle_anchor": {"type": "now"}},
    "interval and anchor, no proration": {
        "items": [{"price": "yearly"}],
        "billing_cycle_anchor": {"type": "now"},
        "proration_behavior": "none",
    },
    "anchor": {"billing_cycle_anchor": {"type": "now"}},
    "trial": {"trial_end": "later"},
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("balance", [0, -300, 40])
async def test_what_is_previewed_is_charged(play: Play, name: str, balance: int) -> None:
    subscription = await play.subscribe()
    await play.advance(10 * DAY)
    play.stop_clock()
    await play.api.customers.update_async(subscription.customer, {"balance": balance})
    item = subscription["items"].data[0]
    prices = {"dear": await play.price(4000), "cheap": await play.price(300), "yearly": await play.price(9999, "year")}
    change = dict(CHANGES[name])
    if "items" in change:
        wanted = {key: prices[value].id if key == "price" else value for key, value in change["items"][0].items()}
        change["items"] = [{"id": item.id, **wanted}]
    if "trial_end" in change:
        change["trial_end"] = item.current_period_end + 9 * DAY
    change["proration_date"] = item.current_period_start + 123_456
    before = await everything(play, subscription)
    preview = await play.api.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": change}
    )
    assert await everything(play, subscription) == before
    assert preview.id.startswith("upcoming_in_")
    assert (preview.billing_reason, preview.status, preview.number) == ("upcoming", "draft", None)
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.invoices.retrieve_async(preview.id)
    changed = await play.api.subscriptions.update_async(subscription.id, {**change, "expand": ["latest_invoice"]})
    invoice = changed.latest_invoice
    assert shape(invoice) == shape(preview)
    assert (invoice.status, invoice.amount_paid) == ("paid", preview.amount_due)


async def test_the_next_renewal(play: Play) -> None:
    subscription = await play.subscribe()
    end = subscription["items"].data[0].current_period_end
    await play.api.invoice_items.create_async({"customer": subscription.customer, "amount": 250, "currency": "usd"})
    preview = await play.api.invoices.create_preview_async({"subscription": subscription.id})
    again = await play.api.invoices.create_preview_async({"customer": subscription.customer})
    assert shape(preview) == shape(again)
    assert [line.amount for line in preview.lines.data] == [250, 1000]
    assert (preview.created, preview.next_payment_attempt, preview.period_end) == (end, end + HOUR, end)
    recurring = await play.api.invoices.create_preview_async(
        {"subscription": subscription.id, "preview_mode": "recurring"}
    )
    assert [line.amount for line in recurring.lines.data] == [1000]
    await play.advance(end - play.sandbox.now().timestamp() + 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert shape(after.latest_invoice) == shape(preview)


async def test_prorations_that_wait_are_on_the_next_one(play: Play) -> None:
    subscription = await play.subscribe()
    item = subscription["items"].data[0]
    half = (item.current_period_start + item.current_period_end) // 2
    change = {"items": [{"id": item.id, "price": (await play.price(3000)).id}], "proration_date": half}
    given = {"subscription": subscription.id, "subscription_details": change}
    preview = await play.api.invoices.create_preview_async(given)
    assert [line.amount for line in preview.lines.data] == [-500, 1500, 3000]
    recurring = await play.api.invoices.create_preview_async({**given, "preview_mode": "recurring"})
    assert [line.amount for line in recurring.lines.data] == [3000]
    await play.api.subscriptions.update_async(subscription.id, change)
    await play.advance(item.current_period_end - play.sandbox.now().timestamp() + 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert shape(after.latest_invoice) == shape(preview)


async def test_a_subscription_that_is_not_there_yet(play: Play) -> None:
    customer = await play.api.customers.create_async({"payment_method": "pm_card_visa"})
    methods = await play.api.payment_methods.list_async({"customer": customer.id})
    price, fee = await play.price(1500), await play.price(400, None)
    items = [{"price": price.id, "quantity": 2}]
    preview = await play.api.invoices.create_preview_async(
        {
            "customer": customer.id,
            "subscription_details": {"items": items},
            "invoice_items": [{"price": fee.id, "quantity": 3}],
        }
    )
    assert (preview.total, len(preview.lines.data)) == (4200, 2)
    assert (await play.api.subscriptions.list_async({"customer": customer.id, "status": "all"})).data == []
    nobody = await play.api.invoices.create_preview_async({"subscription_details": {"items": items}})
    assert nobody.total == 3000
    anchor = int(play.sandbox.now().timestamp()) + 10 * DAY
    details = {"items": items, "billing_cycle_anchor": {"type": "timestamp", "timestamp": anchor}}
    stub = await play.api.invoices.create_preview_async({"customer": customer.id, "subscription_details": details})
    made = await play.api.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": items,
            "billing_cycle_anchor": anchor,
            "default_payment_method": methods.data[0].id,
            "expand": ["latest_invoice"],
        }
    )
    assert abs(made.latest_invoice.total - stub.total) <= 1
    assert made.latest_invoice.lines.data[0].period.end == anchor


async def test_the_end(play: Play) -> None:
    subscription = await play.subscribe()
    await play.advance(5 * DAY)
    now = {"subscription": subscription.id, "subscription_details": {"cancel_now": True}}
    preview = await play.api.invoices.create_preview_async(now)
    assert (len(preview.lines.data), preview.total < 0, preview.amount_due) == (1, True, 0)
    ending = {"subscription": subscription.id, "subscription_details": {"cancel_at_period_end": True}}
    for given in (ending, {"subscription": subscription.id}):
        if given is not ending:
            await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
        with pytest.raises(stripe.InvalidRequestError) as none:
            await play.api.invoices.create_preview_async(given)
        assert (none.value.http_status, none.value.code) == (404, "invoice_upcoming_none")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "customer"),
        ({"subscription": "sub_nobody"}, "subscription"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"customer": "OTHER", "subscription": "MINE"}, "subscription"),
        (
            {"subscription": "MINE", "subscription_details": {"proration_date": 7}},
            "subscription_details[proration_date]",
        ),
        (
            {"subscription": "MINE", "subscription_details": {"items": [{"id": "si_no"}]}},
            "subscription_details[items][0][id]",
        ),
        ({"subscription": "MINE", "automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ({"subscription": "MINE", "invoice_items": [{"currency": "usd"}]}, "invoice_items[0][amount]"),
        ({"subscription": "MINE", "customer_details": {"tax_exempt": "none"}}, "customer_details"),
    ],
)
async def test_refused_previews(play: Play, given: dict[str, Any], param: str) -> None:
    subscription = await play.subscribe()
    other = await play.api.customers.create_async({})
    known = {"MINE": subscription.id, "OTHER": other.id}
    wanted = {key: known.get(value, value) if isinstance(value, str) else value for key, value in given.items()}
    before = await everything(play, subscription)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.invoices.create_preview_async(wanted)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert await everything(play, subscription) == before


async def test_a_week_ahead(play: Play) -> None:
    subscription = await play.subscribe()
    end = subscription["items"].data[0].current_period_end
    await play.advance(end - 7 * DAY - play.sandbox.now().timestamp() + 60)
    (event,) = [event for event in await play.events(upcoming=True) if event.type == "invoice.upcoming"]
    announced = event.data.object
    assert (event.created, announced.billing_reason, announced.total) == (end - 7 * DAY, "upcoming", 1000)
    assert "id" not in announced
    assert announced.parent.subscription_details.subscription == subscription.id
    await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await play.advance(30 * DAY)
    assert [event.type for event in await play.events(upcoming=True)].count("invoice.upcoming") == 1
