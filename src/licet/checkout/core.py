"""Rules of a cart: lines, quantities, intervals, currencies, trials and metadata. Pure.

1. Items with the same price become one line, with a quantity of 1 to 100.
2. All recurring lines have the same interval. All lines have the same currency.
3. At most 20 recurring and 20 one-time lines, Stripe's own limit.
4. Each sum is one that Stripe can charge.
5. An account gets one trial per product. A cart has a trial only if every recurring line has one; the shortest counts.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from licet.catalog.core import Offer
from licet.errors import Conflict, Unprocessable, ValidationFailed
from licet.kit.money import format_money, maximum_amount

MAX_QUANTITY = 100
MAX_LINES = 20

RESERVED_METADATA_PREFIX = "licet_"
"""Prefix of the metadata keys that Licet sets at Stripe. Callers must not use it."""

MAX_METADATA_KEYS = 40
"""Keys that a caller may set. Stripe accepts 50; the rest is reserved for Licet."""


@dataclass(frozen=True)
class CartItem:
    """An item in the request. price_id None: the product's default price."""

    product_id: str
    quantity: int
    price_id: str | None = None


@dataclass(frozen=True)
class CartLine:
    """A price and its quantity. item: the index of the first item in the request with this price."""

    offer: Offer
    quantity: int
    item: int


def build_cart(items: Sequence[CartItem], offers: Mapping[str, Sequence[Offer]]) -> list[CartLine]:
    """Build the lines of the cart, in the order of the request.

    offers: by product id of the request, each product's offers, its default price first.
    Raises ValidationFailed and Unprocessable (empty_cart, invalid_product, invalid_price, mixed_intervals,
    mixed_currencies).
    """
    if not items:
        raise Unprocessable("The cart is empty: add at least one product to items.", code="empty_cart")
    lines: dict[str, CartLine] = {}
    for number, item in enumerate(items):
        offer = _offer(item, offers.get(item.product_id, ()))
        line = lines.get(offer.stripe_price_id, CartLine(offer, 0, number))
        lines[offer.stripe_price_id] = CartLine(offer, line.quantity + item.quantity, line.item)
    cart = list(lines.values())
    _check_counts(cart)
    _check_mix(cart)
    _check_sum(cart)
    return cart


def currency_conflict(currency: str, other: str | None, stripe_subscription_id: str | None = None) -> Conflict:
    """The error for a purchase in another currency than that of the customer's subscriptions.

    other: their currency; None if it is not known. stripe_subscription_id: one of them, if it is known.
    """
    said = f"in {other}" if other else "in another currency"
    details = {"currency": other, "subscriptionId": stripe_subscription_id}
    return Conflict(
        f"The purchase is in {currency}, and the account already has a subscription {said}: Stripe allows one currency "
        "for each customer. Choose prices in that currency, or let the subscription end first.",
        code="currency_conflict",
        details={name: value for name, value in details.items() if value is not None},
    )


def amount_too_large(cart: Sequence[CartLine]) -> ValidationFailed:
    """The error for a cart whose sum has too many digits for Stripe."""
    largest = max(cart, key=lambda line: line.offer.unit_amount * line.quantity)
    most = format_money(maximum_amount(largest.offer.currency), largest.offer.currency)
    message = f"makes the cart cost more than {most}, the most that can be paid at once"
    return ValidationFailed(
        "The cart costs too much for one payment.",
        details={"fields": [{"field": f"items[{largest.item}].quantity", "message": message}]},
    )


def invalid_product(product_id: str) -> Unprocessable:
    """The error for a product that is unknown, archived or without a price."""
    return Unprocessable(
        f"The product {product_id} cannot be bought. GET /api/products lists the products on sale.",
        code="invalid_product",
        details={"productId": product_id},
    )


def recurring(cart: Sequence[CartLine]) -> list[CartLine]:
    """The lines that become a subscription."""
    return [line for line in cart if line.offer.interval is not None]


def trial_days(cart: Sequence[CartLine], had_trial: Set[UUID]) -> int:
    """The trial days of this cart; 0: none. had_trial: products of which the account had a trial."""
    lines = recurring(cart)
    days = [0 if line.offer.product_id in had_trial else line.offer.trial_days for line in lines]
    return min(days, default=0)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raise ValidationFailed if a caller's metadata exceeds Stripe's limits or uses reserved keys."""
    faults = []
    if len(metadata) > MAX_METADATA_KEYS:
        faults.append({"field": "metadata", "message": f"must have at most {MAX_METADATA_KEYS} keys"})
    for key, value in list(metadata.items())[:MAX_METADATA_KEYS]:
        if not 1 <= len(key) <= 40 or "[" in key or "]" in key:
            faults.append(
                {"field": f"metadata.{key[:60]}", "message": "must be a key of 1 to 40 characters, no brackets"}
            )
        elif key.startswith(RESERVED_METADATA_PREFIX):
            faults.append(
                {
                    "field": f"metadata.{key}",
                    "message": f"must not begin with {RESERVED_METADATA_PREFIX} (reserved)",
                }
            )
        if len(value) > 500:
            faults.append({"field": f"metadata.{key[:60]}", "message": "must be at most 500 characters long"})
    if faults:
        raise ValidationFailed("The metadata is invalid.", details={"fields": faults})


def _offer(item: CartItem, offers: Sequence[Offer]) -> Offer:
    if not offers:
        raise invalid_product(item.product_id)
    if item.price_id is None:
        return offers[0]
    for offer in offers:
        if offer.stripe_price_id == item.price_id:
            return offer
    raise Unprocessable(
        f"{item.price_id} is not a price of the product {item.product_id}. GET /api/products lists its prices.",
        code="invalid_price",
        details={"productId": item.product_id, "priceId": item.price_id},
    )


def _check_counts(cart: Sequence[CartLine]) -> None:
    faults = [
        {
            "field": f"items[{line.item}].quantity",
            "message": f"adds up to {line.quantity}; the maximum is {MAX_QUANTITY}",
        }
        for line in cart
        if line.quantity > MAX_QUANTITY
    ]
    repeating = len(recurring(cart))
    if repeating > MAX_LINES or len(cart) - repeating > MAX_LINES:
        faults.append(
            {"field": "items", "message": f"must be at most {MAX_LINES} recurring and {MAX_LINES} one-time prices"}
        )
    if faults:
        raise ValidationFailed("The cart has too many items.", details={"fields": faults})


def _check_mix(cart: Sequence[CartLine]) -> None:
    intervals = sorted({f"{line.offer.interval_count} {line.offer.interval}" for line in recurring(cart)})
    if len(intervals) > 1:
        raise Unprocessable(
            "All recurring items must have the same interval. Buy these in one cart per interval.",
            code="mixed_intervals",
            details={"intervals": intervals},
        )
    currencies = sorted({line.offer.currency for line in cart})
    if len(currencies) > 1:
        raise Unprocessable(
            "All items must have the same currency. Buy these in one cart per currency.",
            code="mixed_currencies",
            details={"currencies": currencies},
        )


def _check_sum(cart: Sequence[CartLine]) -> None:
    total = sum(line.offer.unit_amount * line.quantity for line in cart)
    if total > maximum_amount(cart[0].offer.currency):
        raise amount_too_large(cart)
