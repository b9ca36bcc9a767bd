"""Settles the licenses of a subscription: issued once it is active, then changed as its facts change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.db.locks import lock
from licet.kit.statuses import ENTITLED
from licet.licenses import facts_store, store
from licet.licenses.core import Facts, Refunded, State, Term, decide
from licet.licenses.disputes import Dispute
from licet.licenses.paid_periods import Periods
from licet.licenses.policy import Effect, Policy
from licet.licenses.store import LicenseRecord, NewLicense
from licet.licenses.units import Placed, Unit, Wanted, place
from licet.licenses.write import ChangeContext, key_material, write_changes, write_issued
from licet.orders.store import find_order_of_subscription, unknown_products
from licet.subscriptions.store import find_subscription, list_items, write_waits_for


@dataclass(frozen=True)
class _SubscriptionFacts:
    """All facts of one subscription, gathered once for all its licenses."""

    subscription: asyncpg.Record
    items: dict[str, asyncpg.Record]
    periods: Periods
    dispute: Dispute
    by_hand: dict[UUID, Effect]
    policies: dict[UUID, Policy]
    order_id: UUID | None


async def settle_subscription(conn: Connection, stripe_subscription_id: str, context: ChangeContext) -> frozenset[str]:
    """Settle the licenses of a subscription: gather its facts, decide, write.

    Does nothing before the subscription is mirrored.
    Returns the Stripe ids of the products that the catalogue does not know yet: no licenses are issued for them.
    """
    subscription = await find_subscription(conn, stripe_subscription_id)
    if subscription is None:
        return frozenset()
    items = await list_items(conn, stripe_subscription_id)
    unknown = unknown_products(items)
    if unknown:
        # A push of the catalogue holds these locks: either it has committed and its product is found now, or it will
        # find this subscription waiting.
        await lock(conn, unknown)
        items = await list_items(conn, stripe_subscription_id)
        unknown = unknown_products(items)
    if sorted(unknown) != subscription["waits_for"]:
        await write_waits_for(conn, stripe_subscription_id, sorted(unknown))
    licenses = await store.lock_licenses_of_subscription(conn, stripe_subscription_id)
    entitled = subscription["status"] in ENTITLED and not subscription["cancelling"]
    if not licenses and not entitled:
        return unknown
    units = [
        Unit(license_.id, license_.product_id, license_.unit_group or "", license_.unit, unused=not license_.wanted)
        for license_ in licenses
    ]
    placed = place(units, _wanted(items, licenses))
    if unknown:
        placed = [_kept_in_use(unit, licenses, items) for unit in placed]
    products = {license_.product_id for license_ in licenses} | {
        unit.wanted.product_id for unit in placed if unit.wanted
    }
    facts = _SubscriptionFacts(
        subscription,
        {item["stripe_subscription_item_id"]: item for item in items},
        await facts_store.periods_of(conn, stripe_subscription_id),
        await facts_store.dispute_on_subscription(conn, stripe_subscription_id),
        await facts_store.decided_by_hand(conn, [license_.id for license_ in licenses]),
        await store.list_policies(conn, sorted(products)),
        await find_order_of_subscription(conn, stripe_subscription_id),
    )
    by_id = {license_.id: license_ for license_ in licenses}
    for unit in placed:
        if unit.license_id is not None:
            before = by_id[unit.license_id]
            await write_changes(conn, before, _changed_license(before, unit, facts, context.now), context)
        elif unit.wanted is not None and entitled and not _is_undoing(facts, unit.wanted):
            state = _decide(facts, unit.wanted, facts.policies[unit.wanted.product_id], "nothing", context.now)
            await write_issued(conn, _new_license(unit, unit.wanted, facts, context.keyring), state, context)
    return unknown


def _wanted(items: Sequence[asyncpg.Record], licenses: Sequence[LicenseRecord]) -> list[Wanted]:
    """The units that the items ask for, of products that the catalogue knows and that issue license keys.

    A product whose license policy was removed keeps the licenses that it has: the catalogue revokes nothing.
    """
    wanted: list[Wanted] = []
    for item in items:
        if item["product_id"] is None:
            continue
        item_id: str = item["stripe_subscription_item_id"]
        if item["license_policy"] is None:
            kept = [each for each in licenses if each.product_id == item["product_id"] and each.unit_group is not None]
            limits = [(each.unit_group or "", each.activations_limit) for each in kept[: item["quantity"]]]
        else:
            policy = Policy.from_json(item["license_policy"])
            one_license = policy.units == "one"
            limit = policy.activations
            if one_license and limit is not None:
                limit *= item["quantity"]
            limits = [(item["unit_group"], limit)] * (min(item["quantity"], 1) if one_license else item["quantity"])
        wanted += [Wanted(item["product_id"], group, item_id, limit) for group, limit in limits]
    return wanted


def _kept_in_use(placed: Placed, licenses: Sequence[LicenseRecord], items: Sequence[asyncpg.Record]) -> Placed:
    """Keep a unit in use if no known product asks for it: it may belong to the unknown product."""
    before = next((each for each in licenses if each.id == placed.license_id), None)
    if placed.wanted is not None or before is None or not before.wanted:
        return placed
    item = next(item for item in items if item["product_id"] is None)
    wanted = Wanted(before.product_id, placed.group, item["stripe_subscription_item_id"], before.activations_limit)
    return Placed(placed.license_id, placed.group, placed.n, wanted)


def _changed_license(before: LicenseRecord, placed: Placed, facts: _SubscriptionFacts, now: datetime) -> LicenseRecord:
    """The license with its new state. An unused unit keeps its limit and its `expires_at`."""
    product_id = placed.wanted.product_id if placed.wanted else before.product_id
    by_hand = facts.by_hand.get(before.id, "nothing")
    state = _decide(facts, placed.wanted, facts.policies[product_id], by_hand, now)
    if placed.wanted is None:
        state = replace(state, expires_at=before.state.expires_at)
    return replace(
        before,
        product_id=product_id,
        order_id=before.order_id or facts.order_id,
        wanted=placed.wanted is not None,
        activations_limit=placed.wanted.limit if placed.wanted else before.activations_limit,
        state=state,
    )


def _new_license(placed: Placed, wanted: Wanted, facts: _SubscriptionFacts, keyring: Keyring) -> NewLicense:
    hashed, encrypted = key_material(facts.policies[wanted.product_id], keyring)
    return NewLicense(
        account_id=facts.subscription["account_id"],
        product_id=wanted.product_id,
        key_hash=hashed,
        key_encrypted=encrypted,
        activations_limit=wanted.limit,
        unit=placed.n,
        order_id=facts.order_id,
        stripe_subscription_id=facts.subscription["stripe_subscription_id"],
        unit_group=placed.group,
    )


def _decide(facts: _SubscriptionFacts, wanted: Wanted | None, policy: Policy, by_hand: Effect, now: datetime) -> State:
    subscription = facts.subscription
    item = facts.items[wanted.item_id] if wanted else None
    paid = paid_until(subscription, item, facts.periods, policy) if item else None
    refunded: Refunded = facts.periods.refunded(wanted.item_id if wanted else None)
    cancelling = subscription["cancelling"] or (wanted is not None and _is_undoing(facts, wanted))
    term = Term(subscription["status"], paid, ends_at(subscription, item), cancelling)
    return decide(Facts(term, refunded, facts.dispute, by_hand, wanted is not None), policy, now)


def _is_undoing(facts: _SubscriptionFacts, wanted: Wanted) -> bool:
    """Whether the unit's product is being undone as a duplicate plan: then nothing is issued for it."""
    return facts.items[wanted.item_id]["stripe_product_id"] in facts.subscription["undoing"]


def ends_at(subscription: asyncpg.Record, item: asyncpg.Record | None) -> datetime | None:
    """When the scheduled cancellation takes effect, or None.

    For a cancellation at the period's end, Stripe sets `cancel_at` too; older objects have only `cancel_at_period_end`.
    """
    at: datetime | None = subscription["cancel_at"]
    if at is None and subscription["cancel_at_period_end"] and item is not None:
        at = item["current_period_end_at"]
    return at


def paid_until(subscription: asyncpg.Record, item: asyncpg.Record, periods: Periods, policy: Policy) -> datetime | None:
    """Until when an item is paid for (contract, section 4); by its period if no invoice is mirrored yet."""
    if subscription["status"] == "trialing" and subscription["trial_end_at"] is not None:
        trial_end: datetime = subscription["trial_end_at"]
        return trial_end
    current: datetime = item["current_period_end_at"]
    counts = policy.refund_full != "nothing"
    paid = periods.paid_until(item["stripe_subscription_item_id"], current, refunds_count=counts)
    if paid is not None:
        return paid
    # A first period that is overdue was never paid for: grace counts from its start.
    period_start: datetime = item["current_period_start_at"]
    return current if subscription["status"] in ENTITLED else period_start
