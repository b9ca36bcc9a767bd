"""Carts at Stripe's limits on money: one currency for each customer, and sums that can be charged."""

from typing import Any

import pytest
from tests.support.face import assert_error, fields_of
from tests.support.selling import Selling, catalog_of, price, product
from tests.support.stripe_proxy import Answer, stripe_error

SESSIONS = ("POST", "/v1/checkout/sessions")
CATALOG = catalog_of(
    product("connector", price(14900), prefix="SHOP"),
    product("euro", price(500, currency="eur"), prefix="EUR"),
    product("euro-once", price(500, interval=None, currency="eur"), prefix="ONE"),
    product("growth", price(9900), price(9000, currency="eur"), kind="plan"),
    product("dear", price(1_000_000), prefix="DEAR"),
    product("rupiah", price(150_000_000, currency="idr"), prefix="IDR"),
    product("cheap", price(10, interval=None), prefix="CENT"),
)
COMBINED = [
    "You cannot combine currencies on a single customer. This customer has an active subscription, subscription "
    "schedule, discount, quote, or invoice item with currency usd.",
    "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or invoice item "
    "with currency usd",
    "Can't combine currencies on a single customer. This customer has had a subscription, coupon, or invoice item with "
    "currency usd",
]


@pytest.fixture
async def shop(selling: Selling) -> Selling:
    """A shop with this catalogue, and an account whose key buys in it."""
    await selling.sell(CATALOG)
    return selling


async def unwritten(shop: Selling) -> bool:
    return bool(await shop.pool.fetchval("SELECT count(*) FROM checkout_sessions") == 0)


def conflict(answer: Any) -> dict[str, Any]:
    details: dict[str, Any] = assert_error(answer, 409, "currency_conflict")["details"]
    return details


async def subscribe_organization(shop: Selling, price_number: int) -> Any:
    """The answer to a checkout of the plan, at its first or second price."""
    body = {
        "organizationId": str(shop.account_id),
        "productId": str(shop.product_ids["growth"]),
        "priceId": shop.price_ids["growth"][price_number],
        "successUrl": "https://shop.example/thanks",
        "cancelUrl": "https://shop.example/plans",
    }
    return await shop.face.post("/payment/subscription-checkout", key=shop.key, json=body)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid", "incomplete", "paused"])
async def test_another_currency_is_refused_before_stripe_is_asked(shop: Selling, status: str) -> None:
    subscription = await shop.had_subscription("connector", status=status)
    for key in ("euro", "euro-once"):
        details = conflict(await shop.checkout([(key, 1)]))
        assert details == {"currency": "usd", "subscriptionId": subscription}
    assert conflict(await subscribe_organization(shop, 1)) == {"currency": "usd", "subscriptionId": subscription}
    assert shop.between.seen == []
    assert await unwritten(shop)
    # The same currency is no conflict.
    assert (await shop.checkout([("connector", 1)])).status_code == 201
    assert (await subscribe_organization(shop, 0)).status_code == 200


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired"])
async def test_a_subscription_that_has_ended_does_not_count(shop: Selling, status: str) -> None:
    await shop.had_subscription("connector", status=status)
    assert (await shop.checkout([("euro", 1)])).status_code == 201


async def test_another_accounts_currency_does_not_count(shop: Selling) -> None:
    await shop.had_subscription("connector", status="active", account_id=await shop.make_account())
    assert (await shop.checkout([("euro", 1)])).status_code == 201


async def test_a_subscription_that_only_stripe_knows_of(shop: Selling) -> None:
    """Another program was quicker, or the event has not arrived yet."""
    first = await shop.checkout([("connector", 1)])
    await shop.pay(first.json()["sessionId"])
    assert await shop.pool.fetchval("SELECT count(*) FROM subscriptions") == 0
    assert conflict(await shop.checkout([("euro", 1)])) == {"currency": "usd"}
    assert conflict(await subscribe_organization(shop, 1)) == {"currency": "usd"}


async def test_a_pending_invoice_item_in_another_currency(shop: Selling) -> None:
    assert (await shop.checkout([("euro", 1)])).status_code == 201
    item = {"customer": await shop.customer_of_account(), "amount": 700, "currency": "usd"}
    await shop.stripe.create("invoiceitem", item, "a-key")
    assert conflict(await shop.checkout([("euro", 1)])) == {"currency": "usd"}


@pytest.mark.parametrize("message", COMBINED)
async def test_each_of_stripes_words_for_it(shop: Selling, message: str) -> None:
    shop.between.always[SESSIONS] = Answer(400, stripe_error(message))
    assert conflict(await shop.checkout([("euro", 1)])) == {"currency": "usd"}
    assert await unwritten(shop)


async def test_a_sum_with_too_many_digits(shop: Selling) -> None:
    assert (await shop.checkout([("dear", 99)])).status_code == 201
    shop.between.seen.clear()
    assert fields_of(await shop.checkout([("connector", 1), ("dear", 100)])) == ["items[1].quantity"]
    assert shop.between.seen == []
    shop.between.always[SESSIONS] = Answer(400, stripe_error("Too much.", code="amount_too_large"))
    assert fields_of(await shop.checkout([("dear", 99)])) == ["items[0].quantity"]


async def test_twelve_digits_in_rupiah(shop: Selling) -> None:
    answer = await shop.checkout([("rupiah", 100)])
    assert answer.status_code == 201, answer.text
    row = await shop.pool.fetchrow(
        "SELECT amount_total, unit_amount FROM checkout_sessions JOIN checkout_lines USING (stripe_session_id)"
    )
    assert row is not None
    assert tuple(row) == (15_000_000_000, 150_000_000)


async def test_a_code_that_leaves_less_than_the_minimum_charge(shop: Selling) -> None:
    coupon = await shop.stripe.create("coupon", {"percent_off": 99.9, "duration": "once"}, "coupon")
    given = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "NEARLY"}
    await shop.stripe.create("promotion_code", given, "code")
    answer = await shop.checkout([("connector", 1)], promotionCode="NEARLY")
    assert_error(answer, 422, "invalid_promotion_code")
    assert await unwritten(shop)


async def test_a_price_below_the_minimum_charge(shop: Selling) -> None:
    """Of a catalogue that was pushed before its amounts were checked."""
    details = assert_error(await shop.checkout([("cheap", 1)]), 422, "invalid_product")["details"]
    assert details == {"productId": str(shop.product_ids["cheap"])}
    assert (await shop.checkout([("cheap", 5)])).status_code == 201
