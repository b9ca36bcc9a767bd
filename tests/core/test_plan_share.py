"""What was paid for some lines of an invoice, and whether a subscription's items are still as they were billed."""

from typing import Any

import pytest

from licet.actions.plans.plan_share import Share, is_as_bought, items_of, lines_of, share_of


def line(amount: int, *, discounts: tuple[int, ...] = (), tax: int = 0, inclusive: bool = False) -> dict[str, Any]:
    return {
        "amount": amount,
        "discount_amounts": [{"amount": discount} for discount in discounts],
        "taxes": [{"amount": tax, "tax_behavior": "inclusive" if inclusive else "exclusive"}] if tax else [],
    }


def invoice(paid: int, credit: int = 0) -> dict[str, Any]:
    return {"amount_paid": paid, "starting_balance": -credit, "ending_balance": 0}


@pytest.mark.parametrize(
    ("lines", "paid", "expected"),
    [
        ([line(9900)], invoice(74700), Share(9900, 0)),
        ([line(9900, discounts=(990, 10))], invoice(70000), Share(8900, 0)),
        ([line(10000, discounts=(1000,), tax=1710)], invoice(70000), Share(10710, 0)),
        ([line(10000, tax=1597, inclusive=True)], invoice(70000), Share(10000, 0)),
        ([line(9900, discounts=(9900,))], invoice(64800), Share(0, 0)),
        ([line(9900), line(2900)], invoice(74700), Share(12800, 0)),
        # A pending credit item of the customer lowered the total.
        ([line(9900)], invoice(4900), Share(4900, 0)),
        ([line(9900)], invoice(4900, 5000), Share(4900, 5000)),
        ([line(9900)], invoice(0, 9900), Share(0, 9900)),
        # Of 59800, 5000 was credit: 827.7 of 9900, rounded down.
        ([line(9900)], invoice(54800, 5000), Share(9073, 827)),
        ([line(9900)], invoice(0), Share(0, 0)),
        ([line(-500)], invoice(9900), Share(0, 0)),
        ([], invoice(9900), Share(0, 0)),
    ],
)
def test_share_of_an_invoice(lines: list[dict[str, Any]], paid: dict[str, Any], expected: Share) -> None:
    assert share_of(paid, lines) == expected


def billed(item: str, product: str, *, proration: bool = False, quantity: int = 1, start: int = 100) -> dict[str, Any]:
    return {
        "amount": 9900,
        "quantity": quantity,
        "parent": {"subscription_item_details": {"subscription_item": item, "proration": proration}},
        "pricing": {"price_details": {"price": f"price_{product}", "product": product}},
        "period": {"start": start, "end": start + 100},
    }


def item(
    item_id: str, product: str, *, price: str | None = None, quantity: int = 1, start: int = 100
) -> dict[str, Any]:
    return {
        "id": item_id,
        "price": {"id": price or f"price_{product}", "product": product},
        "quantity": quantity,
        "current_period_start": start,
    }


@pytest.mark.parametrize(
    ("items", "as_bought"),
    [
        ([item("si_1", "growth"), item("si_2", "connector")], True),
        ([item("si_1", "growth", price="price_yearly")], False),
        ([item("si_1", "growth", quantity=2)], False),
        ([item("si_1", "growth", start=200)], False),
        ([item("si_1", "scale")], False),
        ([item("si_1", "growth"), item("si_3", "growth")], False),
        ([item("si_2", "connector")], False),
    ],
)
def test_a_changed_or_renewed_item_is_not_as_bought(items: list[dict[str, Any]], as_bought: bool) -> None:
    lines = lines_of(
        {"lines": {"data": [billed("si_1", "growth"), billed("si_9", "growth", proration=True), {"amount": 49900}]}},
        {"growth"},
    )
    assert is_as_bought(items_of({"items": {"data": items}}, {"growth"}), lines) is as_bought
