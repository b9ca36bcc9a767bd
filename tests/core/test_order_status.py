"""The status of an order. Source: contract, section 2, Orders."""

import pytest

from licet.orders.core import OrderFacts, order_status


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (OrderFacts("open", "unpaid", False, 100, 0, False), "pending"),
        (OrderFacts("complete", "unpaid", False, 100, 0, False), "pending"),
        (OrderFacts("complete", "unpaid", True, 100, 0, False), "failed"),
        (OrderFacts("expired", "unpaid", False, 100, 0, False), "expired"),
        (OrderFacts("expired", "no_payment_required", False, 0, 0, False), "expired"),
        (OrderFacts("complete", "paid", True, 100, 0, False), "paid"),
        (OrderFacts("complete", "no_payment_required", False, 0, 0, False), "paid"),
        (OrderFacts("complete", "paid", False, 100, 40, False), "partially_refunded"),
        (OrderFacts("complete", "paid", False, 100, 100, False), "refunded"),
        (OrderFacts("complete", "paid", False, 100, 100, True), "refunded"),
        (OrderFacts("complete", "paid", False, 100, 40, True), "cancelled"),
        (OrderFacts("complete", "paid", False, 100, 0, True), "cancelled"),
    ],
)
def test_the_strongest_holds(facts: OrderFacts, status: str) -> None:
    assert order_status(facts) == status
