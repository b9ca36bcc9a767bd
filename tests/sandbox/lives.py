"""A customer's life in small steps: what may happen to its money, in any order.

Each step picks what it acts on by a number, so that any list of steps can be lived; where there is nothing to act on,
nothing happens. What Stripe would refuse in the situation is refused, and that is part of life.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import stripe
from hypothesis import strategies as st
from tests.sandbox.ledger import Books, check, check_step, open_books

if TYPE_CHECKING:
    from tests.sandbox.play import Play

HOUR, DAY = 3600, 24 * 3600
# 31 January 2027, noon: months of different length follow.
START = 1801396800
GOOD, NEVER, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"
REFUND_LATER, REFUND_FAILS = "4000000000007726", "4000000000005126"
CARDS = [GOOD, NEVER, ASKS, REFUND_LATER, REFUND_FAILS]
PRICES = [(1000, "month"), (999, "month"), (3333, "month"), (0, "month"), (250, "week"), (9999, "year")]
COUPONS: list[dict[str, Any]] = [
    {"percent_off": 25, "duration": "once"},
    {"percent_off": 33, "duration": "forever"},
    {"amount_off": 300, "currency": "usd", "duration": "repeating", "duration_in_months": 2},
    {"percent_off": 100, "duration": "once"},
]
PRORATIONS = ["create_prorations", "always_invoice", "none"]
ENDED = ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Step:
    """Something that happens: a method of `Life`, with what it is told."""

    name: str
    how: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = ", ".join(f"{key}={value!r}" for key, value in self.how.items())
        return f"{self.name}({told})"


@dataclass
class Life:
    """One customer, whose books are checked after each step."""

    play: Play
    customer: str = ""
    given: int = 0
    prices: list[Any] = field(default_factory=list)
    coupons: list[dict[str, str]] = field(default_factory=list)

    @property
    def api(self) -> Any:
        return self.play.api

    @property
    def now(self) -> int:
        return int(self.play.sandbox._engine.clock.timestamp())

    async def begin(self) -> None:
        card = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
        self.customer = (await self.api.customers.create_async({"email": "life@example.com", **card})).id
        self.prices = [await self.play.price(amount, interval) for amount, interval in PRICES]
        coupons = [(await self.api.coupons.create_async(coupon)).id for coupon in COUPONS]
        promotion = {"promotion": {"type": "coupon", "coupon": coupons[1]}}
        code = (await self.api.promotion_codes.create_async(promotion)).id
        self.coupons = [*({"coupon": coupon} for coupon in coupons), {"promotion_code": code}]

    async def live(self, steps: list[Step]) -> None:
        before = await self.books()
        for step in steps:
            # A refusal takes everything back, and a declined card is a step like others.
            with suppress(stripe.InvalidRequestError, stripe.CardError):
                await getattr(self, step.name)(**step.how)
            after = await self.books()
            check(after, self.given)
            check_step(before, after)
            before = after

    async def books(self) -> Books:
        return await open_books(self.api, self.customer, self.now)

    async def _control(self, path: str, **body: Any) -> httpx.Response:
        answer = await self.play.http.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code in {200, 400, 402}, answer.text
        return answer

    async def _subscription(self, which: int, *statuses: str) -> Any:
        """One that has not ended, or has one of these statuses."""
        page = await self.api.subscriptions.list_async({"customer": self.customer, "status": "all", "limit": 100})
        found = [one for one in page.data if (one.status in statuses if statuses else one.status not in ENDED)]
        return found[which % len(found)] if found else None

    async def _invoice(self, which: int, status: str) -> Any:
        page = await self.api.invoices.list_async({"customer": self.customer, "status": status, "limit": 100})
        return page.data[which % len(page.data)] if page.data else None

    async def _charge(self, which: int) -> Any:
        page = await self.api.charges.list_async({"customer": self.customer, "limit": 100})
        found = [one for one in page.data if one.captured]
        return found[which % len(found)] if found else None

    async def wait(self, seconds: int) -> None:
        await self.play.advance(seconds)

    async def buy(self, amount: int) -> None:
        session = await self.play.session(await self.play.price(amount, None), customer=self.customer)
        await self._control(f"checkout/{session.id}/pay", card=GOOD)

    async def check_out(self, price: int, trial_days: int, coupon: int | None) -> None:
        """A subscription by Checkout."""
        more: dict[str, Any] = {"subscription_data": {"trial_period_days": trial_days}} if trial_days else {}
        if coupon is not None:
            more["discounts"] = [self.coupons[coupon]]
        session = await self.play.session(self.prices[price], customer=self.customer, **more)
        await self._control(f"checkout/{session.id}/pay", card=GOOD)

    async def subscribe(
        self, *, prices: list[int], quantity: int, trial_days: int, coupon: int | None, on_item: bool, behavior: str
    ) -> None:
        """A subscription by the API."""
        discounts = {} if coupon is None else {"discounts": [self.coupons[coupon]]}
        items = [{"price": self.prices[price].id, "quantity": quantity} for price in prices]
        asked: dict[str, Any] = {"customer": self.customer, "items": items, "payment_behavior": behavior}
        if on_item:
            items[0] |= discounts
        else:
            asked |= discounts
        if trial_days:
            asked["trial_period_days"] = trial_days
        await self.api.subscriptions.create_async(asked)

    async def change(self, *, which: int, price: int, quantity: int, proration: str, behavior: str, ago: int) -> None:
        """Another price, another quantity. ago: seconds before now from which on that is prorated."""
        found = await self._subscription(which)
        if found is None:
            return
        item = found["items"].data[0]
        # Without proration a new interval is billed from now on, over what was paid already.
        if PRICES[price][1] != item.price.recurring.interval and proration == "none":
            return
        change = {"id": item.id, "price": self.prices[price].id, "quantity": quantity}
        asked = {"items": [change], "proration_behavior": proration, "payment_behavior": behavior}
        if ago:
            asked["proration_date"] = max(self.now - ago, item.current_period_start)
        await self.api.subscriptions.update_async(found.id, asked)

    async def set_quantity(self, which: int, quantity: int, proration: str) -> None:
        found = await self._subscription(which)
        if found is not None:
            told = {"quantity": quantity, "proration_behavior": proration}
            await self.api.subscription_items.update_async(found["items"].data[-1].id, told)

    async def add_item(self, which: int, price: int, proration: str) -> None:
        found = await self._subscription(which)
        if found is not None:
            told = {"price": self.prices[price].id, "proration_behavior": proration}
            await self.api.subscription_items.create_async({"subscription": found.id, **told})

    async def remove_item(self, which: int, proration: str) -> None:
        found = await self._subscription(which)
        if found is not None:
            told = {"proration_behavior": proration}
            await self.api.subscription_items.delete_async(found["items"].data[-1].id, told)

    async def start_afresh(self, which: int, proration: str, trial_end: str | int | None) -> None:
        """A billing cycle from now on; with `trial_end` by a trial that begins (in seconds from now) or ends."""
        found = await self._subscription(which)
        if found is None:
            return
        told: dict[str, Any] = {"billing_cycle_anchor": {"type": "now"}}
        if trial_end is not None:
            told = {"trial_end": trial_end if isinstance(trial_end, str) else self.now + trial_end}
        await self.api.subscriptions.update_async(found.id, {**told, "proration_behavior": proration})

    async def discount(self, which: int, coupon: int | None) -> None:
        found = await self._subscription(which)
        if found is not None:
            wanted: Any = "" if coupon is None else [self.coupons[coupon]]
            await self.api.subscriptions.update_async(found.id, {"discounts": wanted})

    async def cancel(self, which: int, prorate: bool, invoice_now: bool) -> None:
        found = await self._subscription(which)
        if found is not None:
            await self.api.subscriptions.cancel_async(found.id, {"prorate": prorate, "invoice_now": invoice_now})

    async def plan_end(self, which: int, how: str | int, proration: str) -> None:
        """At the period's end, so many seconds from now, or not at all."""
        found = await self._subscription(which)
        if found is None:
            return
        told: dict[str, Any] = {"cancel_at_period_end": how == "period_end"}
        if isinstance(how, int):
            told = {"cancel_at": self.now + how}
        await self.api.subscriptions.update_async(found.id, {**told, "proration_behavior": proration})

    async def hold(self, which: int, behavior: str | None) -> None:
        """Pause collection, or (None) go on with it."""
        found = await self._subscription(which)
        if found is not None:
            wanted: Any = "" if behavior is None else {"behavior": behavior}
            await self.api.subscriptions.update_async(found.id, {"pause_collection": wanted})

    async def pause(self, which: int, unused: str, invoicing: str) -> None:
        found = await self._subscription(which)
        if found is not None:
            told = {"bill_for": {"unused_time_from": {"type": unused}}, "invoicing_behavior": invoicing}
            await self.api.subscriptions.pause_async(found.id, {"type": "subscription", **told})

    async def resume(self, which: int, on_success: bool) -> None:
        found = await self._subscription(which, "paused")
        if found is not None:
            told = {"payment_behavior": "resume_on_payment_success"} if on_success else {}
            await self.api.subscriptions.resume_async(found.id, told)

    async def schedule(self, which: int, price: int, end: str) -> None:
        """Another price from the next period on, for two months."""
        found = await self._subscription(which)
        if found is None:
            return
        made = await self.api.subscription_schedules.create_async({"from_subscription": found.id})
        now = made.phases[0]
        same = [{"price": item.price, "quantity": item.quantity} for item in now["items"]]
        kept = {"items": same, "start_date": now.start_date, "end_date": now.end_date}
        later = {"items": [{"price": self.prices[price].id}], "duration": {"interval": "month", "interval_count": 2}}
        await self.api.subscription_schedules.update_async(made.id, {"phases": [kept, later], "end_behavior": end})

    async def release(self, which: int) -> None:
        found = await self._subscription(which)
        if found is not None and found.schedule is not None:
            await self.api.subscription_schedules.release_async(found.schedule)

    async def card(self, number: str) -> None:
        await self._control(f"customers/{self.customer}/card", card=number)

    async def refund(self, which: int, percent: int, status: str | None) -> None:
        charge = await self._charge(which)
        if charge is not None:
            amount = max(charge.amount * percent // 100, 1)
            told = {"status": status} if status is not None else {}
            await self._control("refunds", charge=charge.id, amount=amount, **told)

    async def fail_refund(self, which: int) -> None:
        page = await self.api.refunds.list_async({"limit": 100})
        if page.data:
            await self._control(f"refunds/{page.data[which % len(page.data)].id}/fail", reason="declined")

    async def dispute(self, which: int, status: str, percent: int) -> None:
        charge = await self._charge(which)
        if charge is not None:
            amount = max(charge.amount * percent // 100, 1)
            await self._control("disputes", charge=charge.id, reason="general", status=status, amount=amount)

    async def close_dispute(self, which: int, status: str) -> None:
        page = await self.api.disputes.list_async({"limit": 100})
        if page.data:
            await self._control(f"disputes/{page.data[which % len(page.data)].id}/close", status=status)

    async def add_by_hand(self, amount: int, which: int | None) -> None:
        """An item for the next invoice of all, or (`which`) of one subscription."""
        asked = {"customer": self.customer, "amount": amount, "currency": "usd"}
        found = None if which is None else await self._subscription(which)
        if found is not None:
            asked["subscription"] = found.id
        await self.api.invoice_items.create_async(asked)

    async def invoice(self, coupon: int | None, then: str) -> None:
        """Of what is pending, by hand."""
        asked: dict[str, Any] = {"customer": self.customer, "pending_invoice_items_behavior": "include"}
        if coupon is not None:
            asked["discounts"] = [self.coupons[coupon]]
        made = await self.api.invoices.create_async(asked)
        if then == "finalize":
            await self.api.invoices.finalize_invoice_async(made.id)
        elif then == "pay":
            await self.api.invoices.pay_async(made.id)
        elif then == "delete":
            await self.api.invoices.delete_async(made.id)

    async def settle(self, which: int, status: str, how: str) -> None:
        """What is done by hand with an invoice."""
        found = await self._invoice(which, status)
        if found is None:
            return
        if how == "void":
            await self.api.invoices.void_invoice_async(found.id)
        elif how == "write_off":
            await self.api.invoices.mark_uncollectible_async(found.id)
        elif how == "finalize":
            await self.api.invoices.finalize_invoice_async(found.id)
        elif how == "card":
            await self.api.invoices.pay_async(found.id, {"payment_method": "pm_card_visa"})
        else:
            await self.api.invoices.pay_async(found.id, {"paid_out_of_band": how == "elsewhere"})

    async def set_balance(self, amount: int) -> None:
        before = (await self.api.customers.retrieve_async(self.customer)).balance
        await self.api.customers.update_async(self.customer, {"balance": amount})
        self.given += amount - before


def _step(name: str, **how: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries(how).map(lambda told: Step(name, told))


_which = st.integers(0, 3)
_price = st.integers(0, len(PRICES) - 1)
_coupon = st.none() | st.integers(0, len(COUPONS))
_proration = st.sampled_from(PRORATIONS)
_quantity = st.integers(1, 5)
_trial = st.sampled_from([0, 0, 0, 2, 14, 40])
_percent = st.sampled_from([1, 30, 50, 100])
_wait = _step(
    "wait", seconds=st.sampled_from([60, HOUR, 2 * HOUR, DAY - 1, 3 * DAY, 8 * DAY + 777, 16 * DAY, 31 * DAY, 70 * DAY])
)
_behavior = st.sampled_from(["allow_incomplete", "allow_incomplete", "default_incomplete", "error_if_incomplete"])
_subscribe = _step(
    "subscribe",
    prices=st.lists(_price, min_size=1, max_size=2, unique=True),
    quantity=_quantity,
    trial_days=_trial,
    coupon=_coupon,
    on_item=st.booleans(),
    behavior=_behavior,
)
_others = [
    _step("buy", amount=st.sampled_from([50, 999, 5000])),
    _step("check_out", price=_price, trial_days=_trial, coupon=_coupon),
    _step(
        "change",
        which=_which,
        price=_price,
        quantity=_quantity,
        proration=_proration,
        behavior=_behavior | st.just("pending_if_incomplete"),
        ago=st.sampled_from([0, 0, 1000, DAY]),
    ),
    _step("set_quantity", which=_which, quantity=_quantity, proration=_proration),
    _step("add_item", which=_which, price=_price, proration=_proration),
    _step("remove_item", which=_which, proration=_proration),
    _step(
        "start_afresh",
        which=_which,
        proration=st.sampled_from(PRORATIONS[:2]),
        trial_end=st.none() | st.sampled_from(["now", 5 * DAY]),
    ),
    _step("discount", which=_which, coupon=_coupon),
    _step("cancel", which=_which, prorate=st.booleans(), invoice_now=st.booleans()),
    _step("plan_end", which=_which, how=st.sampled_from(["period_end", "no", 3 * DAY, 45 * DAY]), proration=_proration),
    _step("hold", which=_which, behavior=st.sampled_from([None, "keep_as_draft", "mark_uncollectible", "void"])),
    _step(
        "pause",
        which=_which,
        # Not `none`: what is left is then billed again when it is resumed.
        unused=st.sampled_from(["now", "item_current_period_start"]),
        invoicing=st.sampled_from(["invoice", "pending_invoice_item"]),
    ),
    _step("resume", which=_which, on_success=st.booleans()),
    _step("schedule", which=_which, price=_price, end=st.sampled_from(["release", "cancel"])),
    _step("release", which=_which),
    _step("card", number=st.sampled_from(CARDS)),
    _step("refund", which=_which, percent=_percent, status=st.sampled_from([None, None, "pending", "requires_action"])),
    _step("fail_refund", which=_which),
    _step(
        "dispute",
        which=_which,
        status=st.sampled_from(["needs_response", "won", "lost", "warning_needs_response", "prevented"]),
        percent=_percent,
    ),
    _step("close_dispute", which=_which, status=st.sampled_from(["won", "lost", "warning_closed"])),
    _step("add_by_hand", amount=st.sampled_from([20, 700, 2500, -400, -5000]), which=st.none() | _which),
    _step("invoice", coupon=_coupon, then=st.sampled_from(["wait", "finalize", "pay", "delete"])),
    _step(
        "settle",
        which=_which,
        status=st.sampled_from(["open", "open", "draft", "uncollectible"]),
        how=st.sampled_from(["void", "write_off", "finalize", "pay", "card", "elsewhere"]),
    ),
    _step("set_balance", amount=st.sampled_from([0, 30, 400, -250, -6000])),
]
_any = st.one_of(_wait, _wait, _wait, _wait, _subscribe, *_others)


def lives(longest: int) -> st.SearchStrategy[list[Step]]:
    """Lists of steps that start with a subscription, as most lives do."""
    start = st.one_of(_subscribe, _step("check_out", price=_price, trial_days=_trial, coupon=_coupon))
    return st.tuples(start, st.lists(_any, min_size=longest // 2, max_size=longest)).map(
        lambda parts: [parts[0], *parts[1]]
    )
