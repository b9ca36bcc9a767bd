"""A customer subscribes in one currency at a time. Source: Stripe, "Multi-currency customers"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.next_due import ended
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.state.tx import Tx


def check_one_currency(tx: Tx, customer_id: str, currency: str, *, but: str | None = None) -> None:
    """Raises Stripe's 400 if the customer cannot subscribe in this currency.

    Subscriptions that have not ended, schedules that have not started and pending invoice items count. One-time
    purchases and invoices may be in any currency.

    but: a schedule that does not count
    """
    other = next((bound for bound in _currencies(tx, customer_id, but) if bound != currency), None)
    if other is not None:
        # Stripe gives this error neither a code nor a parameter.
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has an active subscription, "
            f"subscription schedule, discount, quote, or invoice item with currency {other}."
        )


def _currencies(tx: Tx, customer_id: str, but: str | None) -> Iterator[str]:
    of_customer = "json ->> '$.customer' = ?"
    for subscription in tx.select("subscription", of_customer, customer_id):
        if not ended(subscription):
            yield subscription["currency"]
    for item in tx.select("invoiceitem", f"{of_customer} AND json ->> '$.invoice' IS NULL", customer_id):
        yield item["currency"]
    not_started = f"{of_customer} AND json ->> '$.status' = 'not_started'"
    for schedule in tx.select("subscription_schedule", not_started, customer_id):
        if schedule["id"] != but:
            yield schedule["phases"][0]["currency"]
