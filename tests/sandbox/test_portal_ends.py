"""Subscriptions canceled, kept, paused and resumed in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.play import DAY
from tests.sandbox.test_pages import Outline
from tests.sandbox.visits import ALL, visit

if TYPE_CHECKING:
    from tests.sandbox.play import Play


def canceling(**how: Any) -> dict[str, Any]:
    return {**ALL, "subscription_cancel": {"enabled": True, **how}}


def pausing(*intervals: str) -> dict[str, Any]:
    options = [{"interval": interval, "interval_count": 1} for interval in intervals]
    return {
        **ALL,
        "subscription_pause": {"enabled": True, "duration": {"type": "interval_options", "interval_options": options}},
    }


async def test_canceled_at_the_period_s_end_and_kept_after_all(play: Play) -> None:
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer)
    at, ends = f"/subscriptions/{subscription.id}", subscription["items"].data[0].current_period_end
    page = await portal.get(f"{at}/cancel")
    assert "Your subscription stays active until" in page.text
    last = await play.last()
    await portal.posted(f"{at}/cancel")
    await portal.posted(f"{at}/cancel")
    ending = await portal.subscription(subscription.id)
    # In flexible billing mode it is `cancel_at` that is set.
    assert (ending.status, ending.cancel_at, ending.cancel_at_period_end) == ("active", ends, False)
    assert ending.cancellation_details.reason == "cancellation_requested"
    assert await play.types(last) == ["customer.subscription.updated"]
    home = await portal.get()
    assert "Ends on" in home.text
    assert "Don't cancel" in Outline(home.text).buttons
    assert (await portal.get(f"{at}/cancel")).status_code == 403
    await portal.posted(f"{at}/keep")
    await portal.posted(f"{at}/keep")
    kept = await portal.subscription(subscription.id)
    assert (kept.cancel_at, kept.cancellation_details.reason) == (None, None)
    assert len(await play.types(last)) == 2
    await portal.posted(f"{at}/cancel")
    await play.advance(32 * DAY)
    assert (await portal.subscription(subscription.id)).status == "canceled"
    for path in ("keep", "resume"):
        assert (await portal.post(f"{at}/{path}")).status_code in {403, 410}


async def test_in_classic_billing_mode_it_is_the_period_s_end_that_is_said(play: Play) -> None:
    classic: Any = {"subscription_data": {"billing_mode": {"type": "classic"}}}
    subscription = await play.subscribe(**classic)
    portal = await visit(play, subscription.customer)
    await portal.posted(f"/subscriptions/{subscription.id}/cancel")
    ending = await portal.subscription(subscription.id)
    assert (ending.cancel_at_period_end, ending.cancel_at) == (True, ending["items"].data[0].current_period_end)
    await portal.posted(f"/subscriptions/{subscription.id}/keep")
    assert (await portal.subscription(subscription.id)).cancel_at_period_end is False


@pytest.mark.parametrize("behavior", ["none", "create_prorations"])
async def test_canceled_at_once_where_that_is_configured(play: Play, behavior: str) -> None:
    subscription = await play.subscribe()
    await play.advance(10 * DAY)
    portal = await visit(play, subscription.customer, canceling(mode="immediately", proration_behavior=behavior))
    at = f"/subscriptions/{subscription.id}/cancel"
    assert "Your subscription ends immediately." in (await portal.get(at)).text
    last = await play.last()
    await portal.posted(at)
    await portal.posted(at)
    assert (await portal.subscription(subscription.id)).status == "canceled"
    credit = [] if behavior == "none" else ["invoiceitem.created"]
    assert await play.types(last) == [*credit, "customer.subscription.deleted"]


@pytest.mark.parametrize("status", ["paused", "incomplete"])
async def test_what_has_no_period_ends_at_once(play: Play, status: str) -> None:
    subscription = await play.subscribe()
    if status == "paused":
        await play.api.subscriptions.pause_async(subscription.id)
    else:
        given = {"customer": subscription.customer, "items": [{"price": (await play.price()).id}]}
        given["payment_behavior"] = "default_incomplete"
        subscription = await play.api.subscriptions.create_async(given)
    portal = await visit(play, subscription.customer)
    at = f"/subscriptions/{subscription.id}/cancel"
    assert "Your subscription ends immediately." in (await portal.get(at)).text
    await portal.posted(at)
    assert (await portal.subscription(subscription.id)).status == "canceled"


async def test_a_customer_who_lives_by_a_test_clock(play: Play) -> None:
    now = int(play.sandbox.now().timestamp())
    clock = await play.api.test_helpers.test_clocks.create_async({"frozen_time": now + 1000 * DAY})
    given = {"test_clock": clock.id, "payment_method": "pm_card_visa"}
    given["invoice_settings"] = {"default_payment_method": "pm_card_visa"}
    customer = await play.api.customers.create_async(given)
    items = [{"price": (await play.price()).id}]
    subscription = await play.api.subscriptions.create_async({"customer": customer.id, "items": items})
    portal = await visit(play, customer.id)
    assert "Renews on" in (await portal.get()).text
    await portal.posted(f"/subscriptions/{subscription.id}/cancel")
    assert (await portal.subscription(subscription.id)).cancel_at > now + 1020 * DAY
    # A card that is past by the customer's time.
    past = (play.sandbox.now().year + 1) % 100
    refused = await portal.post("/cards/add", card="4242424242424242", expiry=f"01/{past}", cvc="123")
    assert refused.status_code == 402


async def test_a_scheduled_subscription_of_the_shop_can_only_end_at_once(play: Play) -> None:
    subscription = await play.subscribe()
    schedule = await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    portal = await visit(play, subscription.customer, canceling(mode="immediately"))
    await portal.posted(f"/subscriptions/{subscription.id}/cancel")
    assert (await play.api.subscription_schedules.retrieve_async(schedule.id)).status == "canceled"


async def test_the_customer_may_say_why(play: Play) -> None:
    reasons = {"enabled": True, "options": ["too_expensive", "other"]}
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer, canceling(cancellation_reason=reasons))
    at = f"/subscriptions/{subscription.id}/cancel"
    page = await portal.get(at)
    assert 'value="too_expensive"' in page.text
    assert 'value="unused"' not in page.text
    refused = await portal.post(at, feedback="unused")
    assert (refused.status_code, (await portal.subscription(subscription.id)).cancel_at) == (400, None)
    await portal.posted(at, feedback="too_expensive", comment="Alas.")
    details = (await portal.subscription(subscription.id)).cancellation_details
    assert (details.feedback, details.comment, details.reason) == ("too_expensive", "Alas.", "cancellation_requested")
    silent = await play.subscribe()
    portal = await visit(play, silent.customer)
    await portal.posted(f"/subscriptions/{silent.id}/cancel", feedback="too_expensive")
    assert (await portal.subscription(silent.id)).cancellation_details.feedback is None


async def test_paused_until_it_is_resumed(play: Play) -> None:
    subscription = await play.subscribe()
    await play.advance(10 * DAY)
    portal = await visit(play, subscription.customer)
    at = f"/subscriptions/{subscription.id}"
    assert "Your subscription pauses immediately" in (await portal.get(f"{at}/pause")).text
    last = await play.last()
    await portal.posted(f"{at}/pause")
    await portal.posted(f"{at}/pause")
    types = await play.types(last)
    assert types.count("customer.subscription.paused") == 1
    assert (await portal.subscription(subscription.id)).status == "paused"
    assert "Resume" in Outline((await portal.get()).text).buttons
    await play.advance(60 * DAY)
    portal = await visit(play, subscription.customer)
    last = await play.last()
    await portal.posted(f"{at}/resume")
    await portal.posted(f"{at}/resume")
    resumed = await portal.subscription(subscription.id)
    invoice = await play.api.invoices.retrieve_async(resumed.latest_invoice)
    assert (resumed.status, invoice.status) == ("active", "paid")
    assert (await play.types(last)).count("customer.subscription.resumed") == 1


async def test_paused_for_a_while(play: Play) -> None:
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer, pausing("week", "month"))
    at = f"/subscriptions/{subscription.id}/pause"
    page = await portal.get(at)
    assert "1 week" in page.text
    assert "1 month" in page.text
    for choice in ("2", "x", "-1"):
        assert (await portal.post(at, duration=choice)).status_code == 400
    assert (await portal.post(at)).status_code == 400
    await portal.posted(at, duration="1")
    assert "Paused until" in (await portal.get()).text
    await play.advance(27 * DAY)
    assert (await portal.subscription(subscription.id)).status == "paused"
    await play.advance(5 * DAY)
    resumed = await portal.subscription(subscription.id)
    assert resumed.status == "active"
    assert resumed["items"].data[0].current_period_start >= subscription.billing_cycle_anchor + 28 * DAY


async def test_a_pause_that_was_ended_before_ends_no_other(play: Play) -> None:
    subscription = await play.subscribe()
    portal = await visit(play, subscription.customer, pausing("week"))
    at = f"/subscriptions/{subscription.id}"
    await portal.posted(f"{at}/pause")
    await portal.posted(f"{at}/resume")
    assert (await portal.subscription(subscription.id)).status == "active"
    await play.api.subscriptions.pause_async(subscription.id)
    await play.advance(8 * DAY)
    assert (await portal.subscription(subscription.id)).status == "paused"


@pytest.mark.parametrize("card", ["4000000000000341", "4000002760003184"])
async def test_resumed_only_when_that_is_paid(play: Play, card: str) -> None:
    subscription = await play.subscribe()
    await play.advance(20 * DAY)
    portal = await visit(play, subscription.customer)
    at = f"/subscriptions/{subscription.id}"
    await portal.posted(f"{at}/pause")
    await play.advance(40 * DAY)
    await play.change_card(subscription.customer, card)
    portal = await visit(play, subscription.customer)
    asked = await portal.post(f"{at}/resume")
    waiting = await portal.subscription(subscription.id)
    invoice = f"/i/{waiting.latest_invoice}"
    assert waiting.status == "paused"
    page = await play.http.get(asked.headers["location"])
    if card.endswith("0341"):
        assert (asked.headers["location"], "with your card on file failed" in page.text) == (
            f"{invoice}?failed=payment",
            True,
        )
        paid = {"card": "4242424242424242", "expiry": "12/40", "cvc": "123", "keep": "yes"}
        await play.http.post(invoice, data=paid)
    else:
        assert (asked.headers["location"], "3D Secure" in page.text) == (f"{invoice}/3ds", True)
        # Asked for twice, it is the same invoice.
        assert (await portal.post(f"{at}/resume")).headers["location"] == f"{invoice}/3ds"
        assert invoice in Outline((await portal.get()).text).links
        await play.http.post(f"{invoice}/3ds", data={"outcome": "complete"})
    assert (await portal.subscription(subscription.id)).status == "active"


@pytest.mark.parametrize("kind", ["trialing", "classic", "ending", "scheduled"])
async def test_what_cannot_be_paused_is_not_offered(play: Play, kind: str) -> None:
    data: Any = {"trialing": {"trial_period_days": 7}, "classic": {"billing_mode": {"type": "classic"}}}.get(kind)
    subscription = await play.subscribe(**({"subscription_data": data} if data else {}))
    if kind == "ending":
        await play.api.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    if kind == "scheduled":
        await play.api.subscription_schedules.create_async({"from_subscription": subscription.id})
    portal = await visit(play, subscription.customer)
    at = f"/subscriptions/{subscription.id}/pause"
    assert portal.path + at not in Outline((await portal.get()).text).links
    assert (await portal.get(at)).status_code == 403
    assert (await portal.post(at)).status_code == 403
