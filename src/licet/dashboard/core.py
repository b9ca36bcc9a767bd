"""What a customer is charged next, from what we know: pure.

1. A subscription renews when the first of its items ends, or its trial does; an end scheduled by then, a pause of its
   collection, or a status that bills nothing means that it does not.
2. It then costs what ends, or what a change that waits puts in its place.
3. An open invoice that Stripe will try again is charged at its next attempt.
4. The earliest counts, together with all others of that moment and currency.

Source: contract, section 2; Stripe's documentation, "How subscriptions work".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from licet.kit.statuses import ENTITLED

RENEWS = ENTITLED | {"past_due"}


@dataclass(frozen=True)
class RenewalItem:
    """What renews. amount: for all of it, in minor units; None where Stripe works it out."""

    ends_at: datetime
    amount: int | None


@dataclass(frozen=True)
class Renewing:
    """A subscription as far as its next charge goes. Times are aware UTC.

    ends_at: its scheduled end. next_amount: what it costs once a change that waits took effect; None where none waits
    for the end of the period. discounted: whether something else than its prices decides over the amount.
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
    """An amount in minor units of `currency`, and when it is taken.

    unsure_of: the subscription whose exact amount only Stripe knows; None where the amount is exact.
    """

    amount: int
    currency: str
    at: datetime
    unsure_of: str | None = None


def renewal(subscription: Renewing) -> ExpectedCharge | None:
    """The next renewal of a subscription, or None where there is none."""
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
        amount = sum(one for one in amounts if one is not None)
    unsure = subscription.discounted or None in amounts
    return ExpectedCharge(amount, subscription.currency, at, subscription.id if unsure else None)


def next_charge(charges: Sequence[ExpectedCharge]) -> ExpectedCharge | None:
    """The earliest of all, those of its moment and currency taken together."""
    first = min(charges, key=lambda charge: charge.at, default=None)
    if first is None:
        return None
    together = [one for one in charges if (one.at, one.currency) == (first.at, first.currency)]
    unsure_of = together[0].unsure_of if len(together) == 1 else None
    return ExpectedCharge(sum(one.amount for one in together), first.currency, first.at, unsure_of)
