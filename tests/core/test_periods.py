"""What was paid for on a subscription: which invoice is the newest period, and until when an item is paid for."""

from datetime import UTC, datetime

from licet.licenses.facts import PaidInvoice, Periods

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
FIRST = PaidInvoice("in_1", "subscription_create", 100, 0)


def test_what_else_was_billed_is_no_period() -> None:
    """A manual invoice on the subscription, or a change within a period, neither revokes nor brings back."""
    refunded = PaidInvoice("in_1", "subscription_create", 100, 100)
    for other in (PaidInvoice("in_2", "manual", 5, 0), PaidInvoice("in_2", "subscription_update", 5, 0)):
        assert Periods([other, refunded], {"in_1": {"si_1": JUNE}}).refunded() == "full"
    extra = PaidInvoice("in_2", "manual", 5, 5)
    assert Periods([extra, FIRST], {"in_1": {"si_1": JUNE}}).refunded() == "none"


def test_a_period_refunded_in_full_was_not_paid_for() -> None:
    second = PaidInvoice("in_2", "subscription_cycle", 100, 100)
    periods = Periods([second, FIRST], {"in_2": {"si_1": JULY}, "in_1": {"si_1": JUNE}})
    assert periods.refunded() == "full"
    assert periods.paid_through("si_1", refunds_count=True) == JUNE
    assert periods.paid_through("si_1", refunds_count=False) == JULY


def test_an_item_added_within_a_period_has_that_of_its_siblings() -> None:
    periods = Periods([FIRST], {"in_1": {"si_1": JUNE}})
    assert periods.paid_through("si_new", refunds_count=True) == JUNE
    assert Periods([], {}).paid_through("si_new", refunds_count=True) is None
