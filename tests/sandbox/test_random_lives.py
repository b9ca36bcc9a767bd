"""Money adds up: random lives, whose books are checked after each step (`ledger.py`), and what they have taught."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from hypothesis import Phase, given, settings
from tests.sandbox.conftest import KEY
from tests.sandbox.lives import GOOD, NEVER, START, Life, Step, lives
from tests.sandbox.play import DAY, Play, StandingClock, Switchboard
from tests.support.client import open_client
from tests.support.depth import examples

from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# More where somebody has the time: LIVES=3000 pytest tests/sandbox/test_random_lives.py
LIVES = int(os.environ.get("LIVES", examples(5, 60)))


@asynccontextmanager
async def new_life(checker: Checker, switchboard: Switchboard, transport: Any) -> AsyncIterator[Life]:
    """In a sandbox of its own, whose clock stands."""
    sandbox = Sandbox(validate=checker)
    sandbox.base_url = switchboard.url
    await sandbox.start()
    sandbox._engine.clock = sandbox._engine.deliveries._clock = StandingClock(START)
    switchboard.app = sandbox.app
    try:
        async with open_client(base_url=switchboard.url) as http:
            client = stripe.StripeClient(KEY, base_addresses={"api": switchboard.url}, http_client=transport)
            life = Life(Play(sandbox, switchboard.url, client.v1, http))
            await life.begin()
            yield life
    finally:
        await sandbox.stop()
    checker.raise_any()


# A life takes seconds, so none is shrunk: it ends with the step that failed.
@settings(max_examples=LIVES, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=lives(longest=10))
async def test_money_adds_up(checker: Checker, switchboard: Switchboard, transport: Any, steps: list[Step]) -> None:
    async with new_life(checker, switchboard, transport) as life:
        await life.live(steps)


def subscribe(**how: Any) -> Step:
    plain = {"prices": [0], "quantity": 1, "trial_days": 0, "coupon": None, "on_item": False}
    return Step("subscribe", {**plain, "behavior": "allow_incomplete", **how})


TAUGHT = {
    "a coupon for once, on an item": [subscribe(coupon=0, on_item=True, prices=[0, 1])],
    "another item in a trial that is to be cut short": [
        subscribe(trial_days=14),
        Step("plan_end", {"which": 0, "how": 3 * DAY, "proration": "none"}),
        Step("add_item", {"which": 0, "price": 5, "proration": "none"}),
    ],
    "what is owed is paid in the hour of the next draft": [
        subscribe(prices=[4]),
        Step("card", {"number": NEVER}),
        Step("wait", {"seconds": 7 * DAY + 7200}),
        Step("wait", {"seconds": 7 * DAY - 7200 + 60}),
        Step("card", {"number": GOOD}),
        Step("settle", {"which": 0, "status": "open", "how": "pay"}),
    ],
}


@pytest.mark.parametrize("name", TAUGHT)
async def test_lives_that_taught_something(
    checker: Checker, switchboard: Switchboard, transport: Any, name: str
) -> None:
    async with new_life(checker, switchboard, transport) as life:
        await life.live(TAUGHT[name])


async def test_23_hours_for_the_first_payment(checker: Checker, switchboard: Switchboard, transport: Any) -> None:
    async with new_life(checker, switchboard, transport) as life:
        await life.live([subscribe(behavior="default_incomplete"), Step("wait", {"seconds": 23 * 3600 - 1})])
        (waiting,) = (await life.books()).subscriptions
        assert waiting.status == "incomplete"
        await life.live([Step("wait", {"seconds": 1})])
        (over,) = (await life.books()).subscriptions
        assert (over.status, over.ended_at) == ("incomplete_expired", waiting.created + 23 * 3600)


async def test_money_that_comes_another_way_counts_as_paid(play: Play) -> None:
    customer = await play.api.customers.create_async({})
    await play.api.invoice_items.create_async({"customer": customer.id, "amount": 700, "currency": "usd"})
    draft = await play.api.invoices.create_async({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    asked = {"paid_out_of_band": True, "expand": ["amount_paid_off_stripe", "payments"]}
    paid = await play.api.invoices.pay_async(draft.id, asked)
    assert (paid.status, paid.amount_due, paid.amount_paid, paid.amount_remaining) == ("paid", 700, 700, 0)
    assert (paid.amount_paid_off_stripe, paid.payments.data) == (700, [])
    assert "amount_paid_off_stripe" not in await play.api.invoices.retrieve_async(draft.id)


async def test_bad_debt_can_still_be_paid(play: Play) -> None:
    subscription = await play.subscribe()
    await play.change_card(subscription.customer, "4000000000000341")
    await play.advance(32 * DAY)
    (owed,) = (await play.api.invoices.list_async({"status": "open"})).data
    written_off = await play.api.invoices.mark_uncollectible_async(owed.id)
    assert (written_off.status, written_off.amount_remaining) == ("uncollectible", 1000)
    with pytest.raises(stripe.CardError):
        await play.api.invoices.pay_async(owed.id)
    paid = await play.api.invoices.pay_async(owed.id, {"payment_method": "pm_card_visa", "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert [payment.status for payment in paid.payments.data] == ["paid"]
