"""Discounts on subscriptions, their items, invoices and invoice items: what they take off, and when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import stripe
from tests.sandbox.play import DAY

if TYPE_CHECKING:
    from tests.sandbox.play import Play


class Shop:
    """A customer with a card, and what is sold to it."""

    def __init__(self, play: Play) -> None:
        self.play, self.api, self.customer = play, play.api, ""

    async def open(self) -> Shop:
        made = await self.api.customers.create_async(
            {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
        )
        self.customer = made.id
        return self

    async def coupon(self, **value: Any) -> str:
        return str((await self.api.coupons.create_async(value)).id)

    async def subscribe(self, *amounts: int, items: dict[int, Any] | None = None, **more: Any) -> Any:
        prices = [await self.play.price(amount) for amount in amounts]
        given = [{"price": price.id, **(items or {}).get(at, {})} for at, price in enumerate(prices)]
        asked = {"customer": self.customer, "items": given, "expand": ["latest_invoice", "discounts"], **more}
        return await self.api.subscriptions.create_async(asked)

    async def paid(self, subscription: str) -> list[int]:
        """What its invoices came to, oldest first."""
        invoices = await self.api.invoices.list_async({"subscription": subscription, "limit": 100})
        return [invoice.total for invoice in invoices.data][::-1]


@pytest_asyncio.fixture(loop_scope="session")
async def shop(play: Play) -> Shop:
    return await Shop(play).open()


async def refused(call: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await call
    return refusal.value


@pytest.mark.parametrize(
    ("duration", "paid"),
    [
        ({"duration": "once"}, [750, 1000, 1000]),
        ({"duration": "repeating", "duration_in_months": 2}, [750, 750, 1000]),
        ({"duration": "forever"}, [750, 750, 750]),
    ],
)
async def test_how_long_it_holds(play: Play, shop: Shop, duration: dict[str, Any], paid: list[int]) -> None:
    off = await shop.coupon(percent_off=25, **duration)
    made = await shop.subscribe(1000, discounts=[{"coupon": off}])
    assert made.latest_invoice.amount_paid == 750
    await play.advance(65 * DAY)
    assert await shop.paid(made.id) == paid


async def test_what_it_says_and_what_is_told(play: Play, shop: Shop) -> None:
    off = await shop.coupon(amount_off=300, currency="usd", duration="forever")
    code = await play.api.promotion_codes.create_async({"promotion": {"type": "coupon", "coupon": off}, "code": "X"})
    made = await shop.subscribe(1000, discounts=[{"promotion_code": code.id}])
    (discount,) = made.discounts
    assert (discount.subscription, discount.customer, discount.promotion_code) == (made.id, shop.customer, code.id)
    assert (discount.source.coupon, discount.end, discount.invoice) == (off, None, None)
    plain = await play.api.subscriptions.retrieve_async(made.id)
    assert plain.discounts == [discount.id]
    invoice = await play.api.invoices.retrieve_async(made.latest_invoice.id, {"expand": ["discounts.source.coupon"]})
    assert invoice.discounts[0].source.coupon.amount_off == 300
    assert (invoice.subtotal, invoice.total) == (1000, 700)
    assert [(one.amount, one.discount) for one in invoice.lines.data[0].discount_amounts] == [(300, discount.id)]
    kinds = await play.types()
    assert kinds.index("customer.discount.created") < kinds.index("customer.subscription.created")
    assert "promotion_code.updated" in kinds


async def test_an_item_s_discount_comes_first(shop: Shop) -> None:
    half, ten = await shop.coupon(percent_off=50, duration="forever"), await shop.coupon(percent_off=10)
    first = {0: {"discounts": [{"coupon": half}]}}
    made = await shop.subscribe(1000, 2000, items=first, discounts=[{"coupon": ten}])
    taken = [sum(one.amount for one in line.discount_amounts) for line in made.latest_invoice.lines.data]
    assert (made.latest_invoice.total, taken) == (2250, [550, 200])
    item = made["items"].data[0]
    assert len(item.discounts) == 1
    shown = await shop.api.subscription_items.retrieve_async(item.id, {"expand": ["discounts"]})
    assert (shown.discounts[0].subscription_item, shown.discounts[0].subscription) == (item.id, None)
    await shop.play.advance(32 * DAY)
    assert await shop.paid(made.id) == [2250, 2500]


async def test_several_in_order_and_never_below_nothing(shop: Shop) -> None:
    five, half = await shop.coupon(amount_off=500, currency="usd"), await shop.coupon(percent_off=50)
    one = await shop.subscribe(2000, discounts=[{"coupon": five}, {"coupon": half}])
    other = await shop.subscribe(2000, discounts=[{"coupon": half}, {"coupon": five}])
    assert (one.latest_invoice.total, other.latest_invoice.total) == (750, 500)
    big = await shop.coupon(amount_off=5000, currency="usd")
    free = await shop.subscribe(2000, discounts=[{"coupon": big}])
    assert (free.status, free.latest_invoice.total, free.latest_invoice.status) == ("active", 0, "paid")


async def test_changing_and_clearing(play: Play, shop: Shop) -> None:
    half, ten = await shop.coupon(percent_off=50, duration="forever"), await shop.coupon(percent_off=10)
    made = await shop.subscribe(1000, discounts=[{"coupon": half}])
    since = await play.last()
    changed = await play.api.subscriptions.update_async(
        made.id, {"discounts": [{"coupon": ten}], "expand": ["discounts"]}
    )
    assert [one.source.coupon for one in changed.discounts] == [ten]
    told = {event.type: event for event in await play.events(since)}
    assert set(told) == {"coupon.updated", "customer.discount.updated", "customer.subscription.updated"}
    switch = told["customer.discount.updated"].data
    assert (switch.object.source.coupon, switch.previous_attributes["source"]["coupon"]) == (ten, half)
    assert told["customer.subscription.updated"].data.previous_attributes["discounts"] == [made.discounts[0].id]
    kept = {"discounts": [{"discount": changed.discounts[0].id}, {"coupon": half}]}
    both = await play.api.subscriptions.update_async(made.id, kept)
    assert both.discounts[0] == changed.discounts[0].id
    assert len(both.discounts) == 2
    since = await play.last()
    assert (await play.api.subscriptions.update_async(made.id, {"discounts": ""})).discounts == []
    assert (await play.types(since)).count("customer.discount.deleted") == 2
    await play.advance(32 * DAY)
    assert await shop.paid(made.id) == [500, 1000]


async def test_items_one_by_one(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="repeating", duration_in_months=1)
    made = await shop.subscribe(1000)
    more = {"subscription": made.id, "price": (await play.price(400)).id, "discounts": [{"coupon": half}]}
    item = await play.api.subscription_items.create_async(more | {"proration_behavior": "none"})
    assert len(item.discounts) == 1
    quiet = {"proration_behavior": "none"}
    cleared = await play.api.subscription_items.update_async(item.id, {"discounts": "", **quiet})
    assert cleared.discounts == []
    again = await play.api.subscription_items.update_async(item.id, {"discounts": [{"coupon": half}], **quiet})
    # Another price keeps the item's discounts.
    other = {"price": (await play.price(600)).id, **quiet}
    assert (await play.api.subscription_items.update_async(item.id, other)).discounts == again.discounts
    since = await play.last()
    await play.api.subscription_items.delete_async(item.id, quiet)
    assert "customer.discount.deleted" in await play.types(since)


async def test_an_item_s_months_pass(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="repeating", duration_in_months=1)
    made = await shop.subscribe(1000, items={0: {"discounts": [{"coupon": half}]}})
    await play.advance(32 * DAY)
    assert await shop.paid(made.id) == [500, 1000]
    assert (await play.api.subscriptions.retrieve_async(made.id))["items"].data[0].discounts == []


async def test_what_has_ended_stays_as_it_was(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="repeating", duration_in_months=1)
    made = await shop.subscribe(1000, discounts=[{"coupon": half}])
    ended = await play.api.subscriptions.cancel_async(made.id)
    since = await play.last()
    await play.advance(40 * DAY)
    assert await play.types(since) == []
    assert (await play.api.subscriptions.retrieve_async(made.id)).discounts == ended.discounts


async def test_on_one_invoice_alone(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="forever")
    five = await shop.coupon(amount_off=500, currency="usd")
    draft = await play.api.invoices.create_async({"customer": shop.customer, "discounts": [{"coupon": half}]})
    item = await play.api.invoice_items.create_async(
        {"customer": shop.customer, "amount": 3000, "invoice": draft.id, "discounts": [{"coupon": five}]}
    )
    assert len(item.discounts) == 1
    await play.api.invoice_items.create_async(
        {"customer": shop.customer, "amount": 1000, "invoice": draft.id, "discountable": False}
    )
    shown = await play.api.invoices.retrieve_async(draft.id, {"expand": ["discounts", "lines.data.discounts"]})
    assert (shown.subtotal, shown.total) == (4000, 4000 - 500 - 1250)
    assert shown.discounts[0].invoice == draft.id
    assert sorted(one.amount for one in shown.total_discount_amounts) == [500, 1250]
    cleared = await play.api.invoices.update_async(draft.id, {"discounts": ""})
    assert (cleared.total, cleared.discounts) == (3500, [])
    paid = await play.api.invoices.pay_async(draft.id)
    assert (paid.status, paid.amount_paid) == ("paid", 3500)
    assert not [kind for kind in await play.types() if kind.startswith("customer.discount.")]


async def test_an_invoice_of_a_subscription_without_its_discount(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="forever")
    made = await shop.subscribe(1000, discounts=[{"coupon": half}])
    asked = {"customer": shop.customer, "subscription": made.id}
    assert (await play.api.invoices.create_async(asked)).discounts == [made.discounts[0].id]
    assert (await play.api.invoices.create_async(asked | {"discounts": ""})).discounts == []
    assert len((await play.api.subscriptions.retrieve_async(made.id)).discounts) == 1


async def test_things_sold_once_with_a_subscription(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50)
    once = await play.price(3000, None)
    extra = {"price": once.id, "discounts": [{"coupon": half}]}
    made = await shop.subscribe(1000, add_invoice_items=[extra])
    assert made.latest_invoice.total == 2500


async def test_previews_promise_what_is_billed(play: Play, shop: Shop) -> None:
    half, ten = await shop.coupon(percent_off=50, duration="forever"), await shop.coupon(percent_off=10)
    price = await play.price(1000)
    asked = {"subscription_details": {"items": [{"price": price.id}]}, "customer": shop.customer}
    preview = await play.api.invoices.create_preview_async(asked | {"discounts": [{"coupon": ten}]})
    assert preview.total == 900
    made = await shop.subscribe(1000, discounts=[{"coupon": half}])
    assert (await play.api.invoices.create_preview_async({"subscription": made.id})).total == 500
    assert (await play.api.invoices.create_preview_async({"subscription": made.id, "discounts": ""})).total == 1000
    items = [{"price": (await play.price(400)).id, "discounts": [{"coupon": half}]}]
    more = {"subscription": made.id, "subscription_details": {"items": items, "proration_behavior": "none"}}
    assert (await play.api.invoices.create_preview_async(more)).total == 600
    # Nothing of all this was redeemed, and nothing was told.
    assert (await play.api.coupons.retrieve_async(ten)).times_redeemed == 0
    assert (await play.api.coupons.retrieve_async(half)).times_redeemed == 1


async def test_a_coupon_that_is_gone_is_still_shown(play: Play, shop: Shop) -> None:
    half = await shop.coupon(percent_off=50, duration="forever")
    made = await shop.subscribe(1000, discounts=[{"coupon": half}])
    await play.api.coupons.delete_async(half)
    deep = {"expand": ["discounts.source.coupon.applies_to"]}
    shown = (await play.api.subscriptions.retrieve_async(made.id, deep)).discounts[0].source.coupon
    assert (shown.id, shown.percent_off, shown.valid, "deleted" in shown) == (half, 50, False, False)


async def test_refusals(play: Play, shop: Shop) -> None:
    euros = await shop.coupon(amount_off=100, currency="eur")
    used = await shop.coupon(percent_off=10, max_redemptions=1)
    price = await play.price(1000)
    other = await Shop(play).open()
    code = {"promotion": {"type": "coupon", "coupon": await shop.coupon(percent_off=10)}}
    theirs = await play.api.promotion_codes.create_async(code | {"customer": other.customer})
    least = {"minimum_amount": 1001, "minimum_amount_currency": "usd"}
    big = await play.api.promotion_codes.create_async(code | {"restrictions": least})
    first = await play.api.promotion_codes.create_async(code | {"restrictions": {"first_time_transaction": True}})
    made = await shop.subscribe(1000, discounts=[{"coupon": used}])

    async def without(**entry: str) -> Any:
        asked = {"customer": shop.customer, "items": [{"price": price.id}], "discounts": [entry]}
        return await refused(play.api.subscriptions.create_async(asked))

    for entry in ({"coupon": euros}, {"coupon": used}, {"coupon": "NOTHING"}, {"promotion_code": theirs.id}):
        refusal = await without(**entry)
        assert (refusal.http_status, refusal.param) == (400, f"discounts[0][{next(iter(entry))}]")
    assert "at least" in str(await without(promotion_code=big.id))
    assert "prior transactions" in str(await without(promotion_code=first.id))
    assert (await without(discount=made.latest_invoice.discounts[0])).code == "resource_missing"
    assert (await without(coupon=used, promotion_code=big.id)).param == "discounts[0][promotion_code]"
    assert (await without(coupon="")).code == "parameter_missing"
    # The amount that it takes off a paid invoice cannot change any more.
    late = await refused(play.api.invoices.update_async(made.latest_invoice.id, {"discounts": ""}))
    assert (late.code, late.param) == ("invoice_not_editable", "discounts")
