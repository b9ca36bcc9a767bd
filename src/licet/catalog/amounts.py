"""Checks each price's amount against what Stripe can charge in its currency. Pure."""

from collections.abc import Iterator

from licet.catalog.core import Catalog
from licet.kit.money import amount_step, format_money, maximum_amount, minimum_charge


def find_amount_faults(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every amount that Stripe would refuse: its path in the file, and a message.

    The message names the product, the price and the fix.
    """
    for number, product in enumerate(catalog.products):
        for place, price in enumerate(product.prices):
            fault = amount_fault(price.amount, price.currency)
            if fault is not None:
                yield ("products", number, "prices", place, "amount"), f"{product.key}, {price.key}: {fault}"


def amount_fault(amount: int, currency: str) -> str | None:
    """Why Stripe cannot charge this amount, and what to do; None if it can. A price of 0 is free."""
    most, least, step = maximum_amount(currency), minimum_charge(currency), amount_step(currency)
    if amount > most:
        return f"the highest amount in {currency} is {most} ({format_money(most, currency)}). Lower the amount"
    if 0 < amount < least:
        return (
            f"{format_money(amount, currency)} is less than Stripe's minimum charge of {format_money(least, currency)}."
            f" Set the amount to 0 or to at least {least}"
        )
    if amount % step:
        below = amount - amount % step
        return (
            f"Stripe charges {currency} only in steps of {step} ({format_money(step, currency)}). Set the amount to "
            f"{below} or {below + step}"
        )
    return None
