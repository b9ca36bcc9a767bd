"""What a cart may contain, and the checkout that follows from it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.catalog.core import Offer
from licet.checkout.core import CartItem, build_cart, check_metadata, trial_days
from licet.checkout.session import Purchase, PurchaseRequest, explain, session_params
from licet.errors import LicetError, StripeRefused, Unprocessable, ValidationFailed


def offer(
    product: int,
    price: str | None = None,
    *,
    interval: str | None = "month",
    count: int | None = None,
    currency: str = "usd",
    trial: int = 0,
    amount: int = 1000,
) -> Offer:
    return Offer(
        product_id=UUID(int=product),
        product_name=f"Product {product}",
        kind="license",
        stripe_product_id=f"prod_{product}",
        stripe_price_id=price or f"price_{product}",
        unit_amount=amount,
        currency=currency,
        interval=interval,
        interval_count=count or (1 if interval else None),
        trial_days=trial,
    )


MONTHLY, YEARLY = offer(1, "price_1m"), offer(1, "price_1y", interval="year")
ONCE = offer(2, interval=None)
OFFERS = {
    "p1": [MONTHLY, YEARLY],
    "p2": [ONCE],
    "p3": [offer(3, interval="month", count=3)],
    "p4": [offer(4, currency="eur")],
    "p5": [offer(5)],
    "none": [],
}


def refused(items: list[CartItem], offers: dict[str, list[Offer]] | None = None) -> LicetError:
    with pytest.raises(LicetError) as error:
        build_cart(items, offers or OFFERS)
    return error.value


def test_an_empty_cart() -> None:
    assert refused([]).code == "empty_cart"


@pytest.mark.parametrize("product", ["none", "unknown", ""])
def test_what_cannot_be_bought_is_named(product: str) -> None:
    error = refused([CartItem("p1", 1), CartItem(product, 1)])
    assert (error.code, error.details) == ("invalid_product", {"productId": product})
    assert product in error.message


def test_the_default_price_is_the_first() -> None:
    assert [line.offer for line in build_cart([CartItem("p1", 2)], OFFERS)] == [MONTHLY]
    assert [line.offer for line in build_cart([CartItem("p1", 2, "price_1y")], OFFERS)] == [YEARLY]


def test_a_price_of_another_product_is_refused() -> None:
    error = refused([CartItem("p1", 1, "price_2")])
    assert (error.code, error.details) == ("invalid_price", {"productId": "p1", "priceId": "price_2"})


def test_lines_of_the_same_price_are_merged() -> None:
    cart = build_cart([CartItem("p1", 2), CartItem("p2", 1), CartItem("p1", 3, "price_1m")], OFFERS)
    assert [(line.offer.stripe_price_id, line.quantity, line.item) for line in cart] == [
        ("price_1m", 5, 0),
        ("price_2", 1, 1),
    ]


def test_a_hundred_of_one_and_no_more() -> None:
    assert build_cart([CartItem("p1", 60), CartItem("p1", 40)], OFFERS)[0].quantity == 100
    error = refused([CartItem("p2", 1), CartItem("p1", 60), CartItem("p1", 41)])
    assert isinstance(error, ValidationFailed)
    assert [fault["field"] for fault in error.details["fields"]] == ["items[1].quantity"]


def test_what_recurs_recurs_together() -> None:
    for other in ("p3", "p1"):
        items = [CartItem("p5", 1), CartItem(other, 1, "price_1y" if other == "p1" else None)]
        assert refused(items).code == "mixed_intervals"
    assert len(build_cart([CartItem("p5", 1), CartItem("p1", 1), CartItem("p2", 1)], OFFERS)) == 3


@pytest.mark.parametrize("other", ["p1", "p2"])
def test_one_currency(other: str) -> None:
    error = refused([CartItem("p4", 1), CartItem(other, 1)])
    assert (error.code, error.details) == ("mixed_currencies", {"currencies": ["eur", "usd"]})


def test_twenty_lines_of_each() -> None:
    many = {f"r{n}": [offer(100 + n)] for n in range(21)} | {
        f"o{n}": [offer(200 + n, interval=None)] for n in range(21)
    }
    fits = [CartItem(f"{kind}{n}", 1) for kind in "ro" for n in range(20)]
    assert len(build_cart(fits, many)) == 40
    for kind in "ro":
        error = refused([CartItem(f"{kind}{n}", 1) for n in range(21)], many)
        assert [fault["field"] for fault in error.details["fields"]] == ["items"]


@pytest.mark.parametrize(
    ("offers", "had", "days"),
    [
        ([offer(1, trial=14)], [], 14),
        ([offer(1, trial=14), offer(2, trial=7)], [], 7),
        ([offer(1, trial=14), offer(2)], [], 0),
        ([offer(1, trial=14), offer(2, interval=None)], [], 14),
        ([offer(1, interval=None)], [], 0),
        ([offer(1, trial=14)], [1], 0),
        ([offer(1, trial=14)], [2], 14),
        ([offer(1, trial=14), offer(2, trial=7)], [2], 0),
    ],
)
def test_a_trial_once_and_only_where_all_have_one(offers: list[Offer], had: list[int], days: int) -> None:
    cart = build_cart(
        [CartItem(str(n), 1) for n in range(len(offers))], {str(n): [one] for n, one in enumerate(offers)}
    )
    assert trial_days(cart, {UUID(int=number) for number in had}) == days


@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "p5"]), st.integers(1, 100)), min_size=1, max_size=30))
def test_merging_loses_nothing(asked: list[tuple[str, int]]) -> None:
    items = [CartItem(product, quantity) for product, quantity in asked]
    try:
        cart = build_cart(items, OFFERS)
    except ValidationFailed:
        assert max(sum(q for p, q in asked if p == product) for product, _ in asked) > 100
        return
    assert sum(line.quantity for line in cart) == sum(quantity for _, quantity in asked)
    assert len({line.offer.stripe_price_id for line in cart}) == len(cart)


def test_metadata_within_stripes_limits() -> None:
    check_metadata({})
    check_metadata({f"key{n}": "x" * 500 for n in range(40)})
    check_metadata({"k" * 40: "", "Ünïcode": "✓"})


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({f"key{n}": "" for n in range(41)}, "metadata"),
        ({"k" * 41: ""}, "metadata." + "k" * 41),
        ({"": ""}, "metadata."),
        ({"a[b]": ""}, "metadata.a[b]"),
        ({"licet_order_id": "mine"}, "metadata.licet_order_id"),
        ({"key": "x" * 501}, "metadata.key"),
    ],
)
def test_metadata_beyond_them(metadata: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationFailed) as error:
        check_metadata(metadata)
    assert [fault["field"] for fault in error.value.details["fields"]] == [field]


WISH = PurchaseRequest(
    [CartItem("p1", 2), CartItem("p2", 1)],
    "https://a.example/{CHECKOUT_SESSION_ID}",
    "https://a.example/b",
    None,
    {"x": "y"},
)


def purchase(*items: CartItem, days: int = 0, promotion: str | None = None) -> Purchase:
    return Purchase(UUID(int=1), UUID(int=2), build_cart(items, OFFERS), days, promotion)


def test_what_is_asked_of_stripe_for_a_subscription() -> None:
    metadata = {"x": "y", "licet_order_id": str(UUID(int=1))}
    assert session_params(purchase(*WISH.items, days=7), WISH, "cus_1") == {
        "mode": "subscription",
        "customer": "cus_1",
        "client_reference_id": str(UUID(int=2)),
        "success_url": "https://a.example/{CHECKOUT_SESSION_ID}",
        "cancel_url": "https://a.example/b",
        "line_items": [{"price": "price_1m", "quantity": 2}, {"price": "price_2", "quantity": 1}],
        "metadata": metadata,
        "allow_promotion_codes": True,
        "subscription_data": {"metadata": metadata, "trial_period_days": 7},
    }


def test_what_is_asked_of_stripe_for_a_single_payment() -> None:
    params = session_params(purchase(CartItem("p2", 1), promotion="promo_1"), WISH, "cus_1")
    assert params["mode"] == "payment"
    assert params["discounts"] == [{"promotion_code": "promo_1"}]
    assert "allow_promotion_codes" not in params
    assert params["payment_intent_data"]["metadata"]["licet_order_id"] == str(UUID(int=1))
    assert params["invoice_creation"] == {"enabled": True}
    assert "subscription_data" not in params


@pytest.mark.parametrize(
    ("param", "code", "details"),
    [
        ("line_items[1][price]", "invalid_product", {"productId": "p2"}),
        ("line_items[0]", "invalid_product", {"productId": "p1"}),
        ("discounts[0][promotion_code]", "invalid_promotion_code", {"field": "promotionCode"}),
        ("success_url", "invalid_redirect_url", {"field": "successUrl"}),
        ("line_items", "stripe_error", None),
        ("mode", "stripe_error", None),
        ("", "stripe_error", None),
    ],
)
def test_stripes_refusals_become_the_callers_own(param: str, code: str, details: dict[str, str] | None) -> None:
    refusal = StripeRefused("No.", details={"param": param})
    error = explain(refusal, WISH, purchase(*WISH.items).cart)
    assert error.code == code
    assert details is None or error.details == details
    assert isinstance(error, Unprocessable) == (details is not None)
