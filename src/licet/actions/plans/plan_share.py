"""Rules: what was paid for a plan in a purchase, and whether the plan has changed since. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from licet.kit.stripe_objects import StripeObject, id_of, product_of_price


@dataclass(frozen=True)
class Share:
    """What was paid for some lines of an invoice, by payments and by credit. In minor units."""

    by_payment: int = 0
    by_credit: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.by_payment + self.by_credit


def items_of(subscription: StripeObject, products: Collection[str]) -> list[StripeObject]:
    """The subscription's items of these products (Stripe's ids)."""
    return [item for item in subscription["items"]["data"] if product_of_price(item["price"]) in products]


def lines_of(invoice: StripeObject | None, products: Collection[str]) -> dict[str, StripeObject]:
    """The invoice's lines that bill a period of these products, by the id of the subscription item."""
    lines = invoice["lines"]["data"] if invoice else []
    return {
        details["subscription_item"]: line
        for line in lines
        if (details := (line.get("parent") or {}).get("subscription_item_details") or {}).get("subscription_item")
        and not details.get("proration")
        and id_of(_price_of(line).get("product")) in products
    }


def is_as_bought(items: Sequence[StripeObject], lines: dict[str, StripeObject]) -> bool:
    """True if each item has the price, the quantity and the period that the purchase's invoice billed."""
    return {item["id"] for item in items} == set(lines) and all(
        _as_billed(lines[item["id"]]) == (item["price"]["id"], item.get("quantity", 1), item["current_period_start"])
        for item in items
    )


def share_of(invoice: StripeObject, lines: Collection[StripeObject]) -> Share:
    """What was paid for these lines of a paid invoice, after discounts and taxes.

    It is never more than was paid for the invoice. If the customer's credit paid a part of the invoice, it paid the
    same part of each line, rounded down.
    """
    paid, credit = max(0, invoice["amount_paid"]), used_credit(invoice)
    total = min(max(0, sum(map(_total, lines))), paid + credit)
    by_credit = total * credit // (paid + credit) if total else 0
    # Rounding down the credit rounds up the payment, which must not exceed what was paid.
    by_payment = min(total - by_credit, paid)
    return Share(by_payment, total - by_payment)


def used_credit(invoice: StripeObject) -> int:
    """The credit that the invoice used, in minor units. A negative balance is the customer's credit."""
    ending = invoice.get("ending_balance")
    return 0 if ending is None else max(0, int(ending - invoice["starting_balance"]))


def _total(line: StripeObject) -> int:
    discounts = sum(discount["amount"] for discount in line.get("discount_amounts") or [])
    taxes = sum(tax["amount"] for tax in line.get("taxes") or [] if tax.get("tax_behavior") == "exclusive")
    return int(line["amount"] - discounts + taxes)


def _as_billed(line: StripeObject) -> tuple[str | None, int, int]:
    return id_of(_price_of(line).get("price")), line.get("quantity") or 1, line["period"]["start"]


def _price_of(line: StripeObject) -> StripeObject:
    price: StripeObject = (line.get("pricing") or {}).get("price_details") or {}
    return price
