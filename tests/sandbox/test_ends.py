"""Where subscriptions of several intervals end, and what else may stand in the way of an end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from tests.sandbox.play import DAY, Play
from tests.sandbox.test_life import HOUR, until_period_end
from tests.sandbox.test_schedules import customer_with_card


async def mixed(play: Play, **more: Any) -> tuple[Any, int, int]:
    """A monthly and a yearly item in one subscription; when their periods end."""
    customer = await customer_with_card(play)
    prices = [await play.price(1000), await play.price(10000, "year")]
    given = {"customer": customer.id, "items": [{"price": price.id} for price in prices], **more}
    subscription = await play.api.subscriptions.create_async(given)
    month, year = (item.current_period_end for item in subscription["items"].data)
    return subscription, month, year


async def test_at_the_period_end_means_the_earliest(play: Play) -> None:
    subscription, month, _ = await mixed(play)
    ending = await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert (ending.cancel_at, ending.cancel_at_period_end) == (month, True)
    await until_period_end(play, subscription, 60)
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", month)


@pytest.mark.parametrize("which", ["min_period_end", "max_period_end"])
async def test_helpers_are_resolved_at_once(play: Play, which: str) -> None:
    subscription, month, year = await mixed(play)
    expected = month if which == "min_period_end" else year
    ending = await play.api.subscriptions.update_async(
        subscription.id, {"cancel_at": which, "proration_behavior": "none"}
    )
    assert (ending.cancel_at, ending.cancel_at_period_end) == (expected, False)
    await until_period_end(play, subscription, 2 * HOUR)
    after = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    if which == "min_period_end":
        assert (after.status, after.ended_at) == ("canceled", month)
        return
    # Only what is monthly renews.
    assert (after.status, after.cancel_at, after.latest_invoice.total) == ("active", year, 1000)
    assert [item.current_period_end for item in after["items"].data][1] == year
    await play.advance(year - play.sandbox.now().timestamp() + 60)
    over = await play.api.subscriptions.retrieve_async(subscription.id)
    assert (over.status, over.ended_at) == ("canceled", year)


async def test_an_end_planned_while_past_due(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await until_period_end(play, subscription, 2 * HOUR)
    at = int(play.sandbox.now().timestamp()) + 5 * DAY
    late = await play.api.subscriptions.update_async(subscription.id, {"cancel_at": at, "proration_behavior": "none"})
    assert late.status == "past_due"
    await play.advance(6 * DAY)
    over = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (over.status, over.ended_at, over.cancellation_details.reason) == ("canceled", at, "cancellation_requested")
    invoice = over.latest_invoice
    assert (invoice.status, invoice.attempt_count, invoice.auto_advance) == ("open", 2, False)
    since = await play.last()
    await play.advance(30 * DAY)
    assert await play.types(since) == []


async def test_a_customer_is_deleted_in_the_hour_of_a_draft(play: Play) -> None:
    subscription = await play.subscribe()
    await until_period_end(play, subscription, 60)
    await play.api.customers.delete_async(subscription.customer)
    over = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (over.status, over.latest_invoice.status, over.latest_invoice.auto_advance) == ("canceled", "draft", False)
    since = await play.last()
    await play.advance(40 * DAY)
    assert await play.types(since) == []


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"cancel_at": 1}, "cancel_at"),
        ({"cancel_at": "someday"}, "cancel_at"),
        ({"cancel_at": 4102444800, "cancel_at_period_end": True}, "cancel_at"),
        ({"cancel_at_period_end": "maybe"}, "cancel_at_period_end"),
    ],
)
async def test_refused(play: Play, given: dict[str, Any], param: str) -> None:
    subscription = await play.subscribe()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await play.api.subscriptions.update_async(subscription.id, given)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert (await play.api.subscriptions.retrieve_async(subscription.id)).cancel_at is None
