"""What may stand in a cart, and what follows from it. Pure.

1. Lines of the same price are one line; 1 to 100 of each.
2. What recurs, recurs together: one interval. Everything is in one currency.
3. At most 20 lines that recur and 20 that do not, which is as many as Stripe takes.
4. A trial applies once per account and product, and only where every line that recurs has one: then the shortest.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from licet.catalog.core import Offer
from licet.errors import Unprocessable, ValidationFailed

MAX_QUANTITY = 100
MAX_LINES = 20

RESERVED_METADATA_PREFIX = "licet_"
"""What our own metadata at Stripe begins with; a caller's must not."""

MAX_METADATA_KEYS = 40
"""Stripe takes 50; the rest is ours."""


@dataclass(frozen=True)
class CartItem:
    """What the caller asks for. price_id: None is the product's default price."""

    product_id: str
    quantity: int
    price_id: str | None = None


@dataclass(frozen=True)
class CartLine:
    """One price, and how many of it. item: the number of the first of the caller's items that it is made of."""

    offer: Offer
    quantity: int
    item: int


def build_cart(items: Sequence[CartItem], offers: Mapping[str, Sequence[Offer]]) -> list[CartLine]:
    """The lines of the cart, in the caller's order.

    offers: by the caller's product ids, what each can be bought for, its default price first.
    Raises ValidationFailed and Unprocessable (empty_cart, invalid_product, invalid_price, mixed_intervals,
    mixed_currencies).
    """
    if not items:
        raise Unprocessable("The cart is empty: name at least one product in items.", code="empty_cart")
    lines: dict[str, CartLine] = {}
    for number, item in enumerate(items):
        offer = _offer(item, offers.get(item.product_id, ()))
        held = lines.get(offer.stripe_price_id, CartLine(offer, 0, number))
        lines[offer.stripe_price_id] = CartLine(offer, held.quantity + item.quantity, held.item)
    cart = list(lines.values())
    _check_counts(cart)
    _check_mix(cart)
    return cart


def invalid_product(product_id: str) -> Unprocessable:
    """What cannot be bought: not known, archived, or without a price."""
    return Unprocessable(
        f"The product {product_id} cannot be bought. GET /api/products lists what can.",
        code="invalid_product",
        details={"productId": product_id},
    )


def recurring(cart: Sequence[CartLine]) -> list[CartLine]:
    """The lines that become a subscription."""
    return [line for line in cart if line.offer.interval is not None]


def trial_days(cart: Sequence[CartLine], had_trial: Set[UUID]) -> int:
    """Days of trial for this cart; 0 is none. had_trial: products of which the account had a trial before."""
    lines = recurring(cart)
    days = [0 if line.offer.product_id in had_trial else line.offer.trial_days for line in lines]
    return min(days, default=0)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Let a caller's metadata pass, or raise ValidationFailed: Stripe's limits, less the keys that are ours."""
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
                {"field": f"metadata.{key}", "message": f"keys that begin with {RESERVED_METADATA_PREFIX} are our own"}
            )
        if len(value) > 500:
            faults.append({"field": f"metadata.{key[:60]}", "message": "must be at most 500 characters long"})
    if faults:
        raise ValidationFailed("Stripe would not take this metadata.", details={"fields": faults})


def _offer(item: CartItem, offers: Sequence[Offer]) -> Offer:
    if not offers:
        raise invalid_product(item.product_id)
    if item.price_id is None:
        return offers[0]
    for offer in offers:
        if offer.stripe_price_id == item.price_id:
            return offer
    raise Unprocessable(
        f"{item.price_id} is no price that the product {item.product_id} can be bought for.",
        code="invalid_price",
        details={"productId": item.product_id, "priceId": item.price_id},
    )


def _check_counts(cart: Sequence[CartLine]) -> None:
    faults = [
        {
            "field": f"items[{line.item}].quantity",
            "message": f"makes {line.quantity} in all; {MAX_QUANTITY} is the most",
        }
        for line in cart
        if line.quantity > MAX_QUANTITY
    ]
    repeating = len(recurring(cart))
    if repeating > MAX_LINES or len(cart) - repeating > MAX_LINES:
        faults.append(
            {"field": "items", "message": f"must be at most {MAX_LINES} that recur and {MAX_LINES} that do not"}
        )
    if faults:
        raise ValidationFailed("The cart is too full.", details={"fields": faults})


def _check_mix(cart: Sequence[CartLine]) -> None:
    intervals = sorted({f"{line.offer.interval_count} {line.offer.interval}" for line in recurring(cart)})
    if len(intervals) > 1:
        raise Unprocessable(
            "What recurs must recur together: buy these in a cart for each interval.",
            code="mixed_intervals",
            details={"intervals": intervals},
        )
    currencies = sorted({line.offer.currency for line in cart})
    if len(currencies) > 1:
        raise Unprocessable(
            "Everything in a cart must be in one currency: buy these in a cart for each.",
            code="mixed_currencies",
            details={"currencies": currencies},
        )
