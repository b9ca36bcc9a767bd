"""Coupons and promotion codes as objects, and the arithmetic of taking off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.play import DAY

from licet_sandbox.billing.discounts.amounts import DiscountableLine, allocate, allocate_discount

if TYPE_CHECKING:
    from tests.sandbox.play import Play

AMOUNTS = st.lists(st.integers(-5000, 1_000_000), min_size=1, max_size=12)
NOTHING_MORE: dict[str, Any] = {"applies_to": None, "currency_options": {}}


def coupon(**value: Any) -> dict[str, Any]:
    return {"percent_off": None, "amount_off": None, "currency": None, "_": NOTHING_MORE} | value


async def refused(call: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await call
    return refusal.value


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_what_is_divided_adds_up(amount: int, weights: list[int]) -> None:
    wanted = min(amount, sum(weights))
    parts = allocate(wanted, weights)
    assert sum(parts) == wanted
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.decimals("0.01", "100", places=2), AMOUNTS)
def test_a_percentage_is_of_everything_and_rounded_once(percent: Any, amounts: list[int]) -> None:
    off = allocate_discount(
        coupon(percent_off=float(percent)), [DiscountableLine(amount, "prod_1") for amount in amounts], "usd"
    )
    whole = sum(max(amount, 0) for amount in amounts)
    assert abs(sum(off) - whole * float(percent) / 100) <= 0.5 + 1e-6
    assert all(0 <= part <= max(amount, 0) for part, amount in zip(off, amounts, strict=True))


@given(st.integers(1, 10**7), AMOUNTS)
def test_an_amount_goes_as_far_as_the_lines(amount: int, amounts: list[int]) -> None:
    off = allocate_discount(
        coupon(amount_off=amount, currency="usd"), [DiscountableLine(one, None) for one in amounts], "usd"
    )
    assert sum(off) == min(amount, sum(max(one, 0) for one in amounts))


def test_only_its_products_and_its_currency() -> None:
    parts = [DiscountableLine(1000, "prod_1"), DiscountableLine(1000, "prod_2")]
    mine = {"_": NOTHING_MORE | {"applies_to": {"products": ["prod_2"]}}}
    assert allocate_discount(coupon(percent_off=50.0, **mine), parts, "usd") == [0, 500]
    ours = {"_": NOTHING_MORE | {"currency_options": {"eur": {"amount_off": 90}}}}
    assert allocate_discount(coupon(amount_off=100, currency="usd", **ours), parts, "eur") == [45, 45]
    assert allocate_discount(coupon(amount_off=100, currency="usd"), parts, "eur") == [0, 0]


async def test_a_coupon_is_made_changed_listed_and_deleted(play: Play) -> None:
    price = await play.price()
    given_ = {
        "id": "SPRING",
        "percent_off": 25.5,
        "duration": "repeating",
        "duration_in_months": 3,
        "name": "Spring",
        "applies_to": {"products": [price.product]},
        "metadata": {"a": "b"},
    }
    made = await play.api.coupons.create_async(given_)
    assert (made.id, made.percent_off, made.duration_in_months, made.valid, made.times_redeemed) == (
        "SPRING",
        25.5,
        3,
        True,
        0,
    )
    assert "applies_to" not in made
    shown = await play.api.coupons.retrieve_async("SPRING", {"expand": ["applies_to"]})
    assert list(shown.applies_to.products) == [price.product]
    assert (await refused(play.api.coupons.create_async(given_))).code == "resource_already_exists"
    assert (await play.api.coupons.update_async("SPRING", {"name": "May"})).name == "May"
    assert [one.id for one in (await play.api.coupons.list_async()).data] == ["SPRING"]
    assert (await play.api.coupons.delete_async("SPRING")).deleted
    assert (await refused(play.api.coupons.retrieve_async("SPRING"))).http_status == 404
    kinds = [one for one in await play.types() if one.startswith("coupon.")]
    assert kinds == ["coupon.created", "coupon.updated", "coupon.deleted"]


@pytest.mark.parametrize(
    ("given_", "param"),
    [
        ({}, "amount_off"),
        ({"percent_off": 10, "amount_off": 100, "currency": "usd"}, "percent_off"),
        ({"percent_off": 0}, "percent_off"),
        ({"percent_off": 100.5}, "percent_off"),
        ({"amount_off": -5, "currency": "usd"}, "amount_off"),
        ({"amount_off": 500}, "currency"),
        ({"amount_off": 500, "currency": "dollars"}, "currency"),
        ({"percent_off": 10, "currency": "usd"}, "currency"),
        ({"percent_off": 10, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 10, "duration_in_months": 3}, "duration_in_months"),
        ({"percent_off": 10, "max_redemptions": 0}, "max_redemptions"),
        ({"percent_off": 10, "redeem_by": 1}, "redeem_by"),
        ({"percent_off": 10, "applies_to": {"products": ["prod_nothing"]}}, "applies_to[products]"),
        ({"percent_off": "much"}, "percent_off"),
        ({"percent_off": 10, "colour": "red"}, "colour"),
    ],
)
async def test_a_coupon_that_makes_no_sense_is_refused(play: Play, given_: dict[str, Any], param: str) -> None:
    refusal = await refused(play.api.coupons.create_async(given_))
    assert (refusal.http_status, refusal.param) == (400, param)


async def test_a_code_is_found_in_whatever_case_and_is_unique_while_active(play: Play) -> None:
    half = await play.api.coupons.create_async({"percent_off": 50})
    promotion = {"type": "coupon", "coupon": half.id}
    made = await play.api.promotion_codes.create_async({"promotion": promotion, "code": "Fall-20"})
    assert (made.active, made.promotion.coupon, made.restrictions.minimum_amount) == (True, half.id, None)
    found = await play.api.promotion_codes.list_async({"code": "fALL-20"})
    assert [one.id for one in found.data] == [made.id]
    again = {"promotion": promotion, "code": "FALL-20"}
    assert (await refused(play.api.promotion_codes.create_async(again))).param == "code"
    await play.api.promotion_codes.update_async(made.id, {"active": False})
    second = await play.api.promotion_codes.create_async(again)
    assert (await refused(play.api.promotion_codes.update_async(made.id, {"active": True}))).param == "code"
    assert len((await play.api.promotion_codes.list_async({"coupon": half.id, "active": True})).data) == 1
    # A code ends with its coupon.
    await play.api.coupons.delete_async(half.id)
    assert not (await play.api.promotion_codes.retrieve_async(second.id)).active
    refusal = await refused(play.api.promotion_codes.update_async(second.id, {"active": True}))
    assert refusal.param == "active"


async def test_codes_and_coupons_run_out_with_time(play: Play) -> None:
    now = int(play.sandbox.now().timestamp())
    coupon_ = await play.api.coupons.create_async({"percent_off": 50, "redeem_by": now + 3 * DAY})
    promotion = {"type": "coupon", "coupon": coupon_.id}
    late = {"promotion": promotion, "expires_at": now + 4 * DAY}
    assert (await refused(play.api.promotion_codes.create_async(late))).param == "expires_at"
    first = await play.api.promotion_codes.create_async({"promotion": promotion, "expires_at": now + DAY})
    second = await play.api.promotion_codes.create_async({"promotion": promotion})
    await play.advance(DAY + 1)
    assert not (await play.api.promotion_codes.retrieve_async(first.id)).active
    assert (await play.api.promotion_codes.retrieve_async(second.id)).active
    await play.advance(2 * DAY)
    assert not (await play.api.coupons.retrieve_async(coupon_.id)).valid
    assert not (await play.api.promotion_codes.retrieve_async(second.id)).active


@pytest.mark.parametrize(
    ("given_", "param"),
    [
        ({"code": "not allowed"}, "code"),
        ({"expires_at": 1}, "expires_at"),
        ({"max_redemptions": 0}, "max_redemptions"),
        ({"max_redemptions": 9}, "max_redemptions"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"restrictions": {"minimum_amount": 100}}, "restrictions[minimum_amount_currency]"),
        ({"promotion": {"type": "coupon", "coupon": "NOTHING"}}, "promotion[coupon]"),
        ({"promotion": {"type": "coupon"}}, "promotion[coupon]"),
    ],
)
async def test_a_code_that_makes_no_sense_is_refused(play: Play, given_: dict[str, Any], param: str) -> None:
    made = await play.api.coupons.create_async({"percent_off": 50, "max_redemptions": 5})
    asked = {"promotion": {"type": "coupon", "coupon": made.id}} | given_
    refusal = await refused(play.api.promotion_codes.create_async(asked))
    assert (refusal.http_status, refusal.param) == (400, param)


async def test_the_id_of_a_deleted_coupon_is_free_again(play: Play) -> None:
    api = play.api.coupons
    await api.create_async({"id": "SUMMER", "percent_off": 10, "duration": "forever"})
    subscription = await play.subscribe(discounts=[{"coupon": "SUMMER"}])
    await api.delete_async("SUMMER")
    again = await api.create_async({"id": "SUMMER", "percent_off": 50, "duration": "once"})
    assert (again.percent_off, again.times_redeemed) == (50, 0)
    assert [one.id for one in (await api.list_async()).data] == ["SUMMER"]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await api.create_async({"id": "SUMMER", "percent_off": 10, "duration": "once"})
    assert caught.value.code == "resource_already_exists"
    # Who had the first one goes on with it.
    await play.advance(32 * DAY)
    renewed = await play.api.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})
    assert renewed.latest_invoice.total == 900
