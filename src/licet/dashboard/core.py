"""Computes a customer's next charge. Pure.

1. A subscription renews at the earliest end of its items' periods, or when its trial ends. It does not renew if it is
   scheduled to end by then, if its collection is paused, or if its status bills nothing.
2. The renewal costs the items whose period ends, or the scheduled change that replaces them.
3. An open invoice that Stripe retries is charged at its next payment attempt.
4. The earliest charge is the next one. Charges at the same time in the same currency are added up.

Source: contract, section 2; Stripe's documentation, "How subscriptions work".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.kit.statuses import ENTITLED

RENEWS = ENTITLED | {"past_due"}


@dataclass(frozen=True)
class RenewalItem:
    """An item of a subscription.

    amount: price times quantity, in minor units; None if only Stripe can compute it.
    """

    ends_at: datetime
    amount: int | None


@dataclass(frozen=True)
class RenewingSubscription:
    """The facts of a subscription that decide its next charge. Times are aware UTC.

    ends_at: its scheduled end. next_amount: its cost after a change that is scheduled for the end of the period; None
    without one. discounted: a discount or a customer balance changes the amount.
    """

    id: str
    status: str
    currency: str
    trial_end_at: datetime | None
    ends_at: datetime | None
    collects: bool
    items: Sequence[RenewalItem]
    next_amount: int | None
    discounted: bool


@dataclass(frozen=True)
class ExpectedCharge:
    """An amount in minor units of `currency`, and when it is charged.

    preview_subscription_id: the subscription to preview at Stripe for the exact amount; None if the amount is exact.
    """

    amount: int
    currency: str
    at: datetime
    preview_subscription_id: str | None = None


def next_renewal(subscription: RenewingSubscription) -> ExpectedCharge | None:
    """The next renewal of a subscription, or None if it does not renew."""
    if subscription.status not in RENEWS or not subscription.collects or not subscription.items:
        return None
    at = min(item.ends_at for item in subscription.items)
    if subscription.status == "trialing" and subscription.trial_end_at is not None:
        at = subscription.trial_end_at
    if subscription.ends_at is not None and subscription.ends_at <= at:
        return None
    amounts = [item.amount for item in subscription.items if item.ends_at <= at]
    amount = subscription.next_amount
    if amount is None:
        amount = sum(item_amount for item_amount in amounts if item_amount is not None)
    inexact = subscription.discounted or None in amounts
    return ExpectedCharge(amount, subscription.currency, at, subscription.id if inexact else None)


def next_charge(charges: Sequence[ExpectedCharge]) -> ExpectedCharge | None:
    """The earliest charge, added up with those at the same time in the same currency."""
    first = min(charges, key=lambda charge: charge.at, default=None)
    if first is None:
        return None
    together = [charge for charge in charges if (charge.at, charge.currency) == (first.at, first.currency)]
    preview_subscription_id = together[0].preview_subscription_id if len(together) == 1 else None
    return ExpectedCharge(sum(charge.amount for charge in together), first.currency, first.at, preview_subscription_id)
