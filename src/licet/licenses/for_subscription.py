"""The licenses of a subscription: its units, made when it is first seen active, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.locks import lock
from licet.kit.statuses import ENTITLED
from licet.licenses import facts as gather
from licet.licenses import store
from licet.licenses.core import Dispute, Effect, Facts, Policy, Refunded, State, Term, decide
from licet.licenses.paid_periods import Periods
from licet.licenses.store import LicenseRecord, NewLicense
from licet.licenses.units import Placed, Unit, Wanted, place
from licet.licenses.write import ChangeContext, key_material, write_changes, write_issued
from licet.orders.store import find_order_of_subscription, unknown_products
from licet.subscriptions.store import find_subscription, list_items, write_waits_for


@dataclass(frozen=True)
class _Known:
    """All facts of one subscription, gathered once for all its licenses."""

    subscription: asyncpg.Record
    items: dict[str, asyncpg.Record]
    periods: Periods
    dispute: Dispute
    by_hand: dict[UUID, Effect]
    policies: dict[UUID, Policy]
    order_id: UUID | None


async def settle_subscription(conn: Connection, stripe_subscription_id: str, settling: ChangeContext) -> frozenset[str]:
    """Bring a subscription's licenses to what its facts say now. Nothing happens before it is mirrored.

    Returns the products that the catalogue does not know yet: their units are made once it does.
    """
    subscription = await find_subscription(conn, stripe_subscription_id)
    if subscription is None:
        return frozenset()
    items = await list_items(conn, stripe_subscription_id)
    unknown = unknown_products(items)
    if unknown:
        # A push of the catalogue holds these locks: either it is done and we see it, or it will see that we wait.
        await lock(conn, unknown)
        items = await list_items(conn, stripe_subscription_id)
        unknown = unknown_products(items)
    if sorted(unknown) != subscription["waits_for"]:
        await write_waits_for(conn, stripe_subscription_id, sorted(unknown))
    licenses = await store.lock_of_subscription(conn, stripe_subscription_id)
    # What is being undone brings nothing: a plan that was bought a second time.
    entitled = subscription["status"] in ENTITLED and not subscription["cancelling"]
    if not licenses and not entitled:
        return unknown
    units = [Unit(one.id, one.product_id, one.unit_group or "", one.unit, spare=not one.wanted) for one in licenses]
    placed = place(units, _wanted(items, licenses))
    if unknown:
        placed = [_as_it_is(one, licenses, items) for one in placed]
    products = {one.product_id for one in licenses} | {one.wanted.product_id for one in placed if one.wanted}
    known = _Known(
        subscription,
        {item["stripe_subscription_item_id"]: item for item in items},
        await gather.periods_of(conn, stripe_subscription_id),
        await gather.dispute_on_subscription(conn, stripe_subscription_id),
        await gather.decided_by_hand(conn, [one.id for one in licenses]),
        await store.list_policies(conn, sorted(products)),
        await find_order_of_subscription(conn, stripe_subscription_id),
    )
    by_id = {one.id: one for one in licenses}
    for one in placed:
        if one.license_id is not None:
            await _settle(conn, by_id[one.license_id], one, known, settling)
        elif one.wanted is not None and entitled:
            await _issue(conn, one, one.wanted, known, settling)
    return unknown


def _wanted(items: Sequence[asyncpg.Record], licenses: Sequence[LicenseRecord]) -> list[Wanted]:
    """What the items ask for, of products that the catalogue knows and that issue keys.

    A product that issues keys no more keeps those it has: what was sold is not taken back by the catalogue.
    """
    wanted: list[Wanted] = []
    for item in items:
        if item["product_id"] is None:
            continue
        item_id: str = item["stripe_subscription_item_id"]
        if item["license_policy"] is None:
            kept = [one for one in licenses if one.product_id == item["product_id"] and one.unit_group is not None]
            limits = [(one.unit_group or "", one.activations_limit) for one in kept[: item["quantity"]]]
        else:
            policy = Policy.from_json(item["license_policy"])
            whole = policy.units == "one"
            limit = policy.activations
            if whole and limit is not None:
                limit *= item["quantity"]
            limits = [(item["unit_group"], limit)] * (min(item["quantity"], 1) if whole else item["quantity"])
        wanted += [Wanted(item["product_id"], group, item_id, limit) for group, limit in limits]
    return wanted


def _as_it_is(placed: Placed, licenses: Sequence[LicenseRecord], items: Sequence[asyncpg.Record]) -> Placed:
    """A unit that no known product asks for, while another is unknown: it may be that one's, so it is left in use."""
    before = next((one for one in licenses if one.id == placed.license_id), None)
    if placed.wanted is not None or before is None or not before.wanted:
        return placed
    item = next(item for item in items if item["product_id"] is None)
    wanted = Wanted(before.product_id, placed.group, item["stripe_subscription_item_id"], before.activations_limit)
    return Placed(placed.license_id, placed.group, placed.n, wanted)


async def _settle(
    conn: Connection, before: LicenseRecord, placed: Placed, known: _Known, settling: ChangeContext
) -> None:
    product_id = placed.wanted.product_id if placed.wanted else before.product_id
    by_hand = known.by_hand.get(before.id, "nothing")
    state = _decide(known, placed.wanted, known.policies[product_id], by_hand, settling.now)
    if placed.wanted is None:
        state = replace(state, expires_at=before.state.expires_at)
    after = replace(
        before,
        product_id=product_id,
        order_id=before.order_id or known.order_id,
        wanted=placed.wanted is not None,
        activations_limit=placed.wanted.limit if placed.wanted else before.activations_limit,
        state=state,
    )
    await write_changes(conn, before, after, settling)


async def _issue(conn: Connection, placed: Placed, wanted: Wanted, known: _Known, settling: ChangeContext) -> None:
    policy = known.policies[wanted.product_id]
    hashed, encrypted = key_material(policy, settling.keyring)
    new = NewLicense(
        account_id=known.subscription["account_id"],
        product_id=wanted.product_id,
        key_hash=hashed,
        key_encrypted=encrypted,
        activations_limit=wanted.limit,
        unit=placed.n,
        order_id=known.order_id,
        stripe_subscription_id=known.subscription["stripe_subscription_id"],
        unit_group=placed.group,
    )
    await write_issued(conn, new, _decide(known, wanted, policy, "nothing", settling.now), settling)


def _decide(known: _Known, wanted: Wanted | None, policy: Policy, by_hand: Effect, now: datetime) -> State:
    subscription = known.subscription
    item = known.items[wanted.item_id] if wanted else None
    until = paid_through(subscription, item, known.periods, policy) if item else None
    refunded: Refunded = known.periods.refunded(wanted.item_id if wanted else None)
    term = Term(subscription["status"], until, ends_at(subscription, item), subscription["cancelling"])
    return decide(Facts(term, refunded, known.dispute, by_hand, wanted is not None), policy, now)


def ends_at(subscription: asyncpg.Record, item: asyncpg.Record | None) -> datetime | None:
    """When the scheduled end comes, or None.

    Stripe names the end of a period that was set to be the last in `cancel_at` too; older objects only say it ends.
    """
    at: datetime | None = subscription["cancel_at"]
    if at is None and subscription["cancel_at_period_end"] and item is not None:
        at = item["current_period_end_at"]
    return at


def paid_through(
    subscription: asyncpg.Record, item: asyncpg.Record, periods: Periods, policy: Policy
) -> datetime | None:
    """Until when an item is paid for (contract, section 4): what no event has told yet, the item's period says."""
    if subscription["status"] == "trialing" and subscription["trial_end_at"] is not None:
        trial_end: datetime = subscription["trial_end_at"]
        return trial_end
    current: datetime = item["current_period_end_at"]
    counts = policy.refund_full != "nothing"
    paid = periods.paid_through(item["stripe_subscription_item_id"], current, refunds_count=counts)
    if paid is not None:
        return paid
    # An overdue first period was never paid for: grace counts from its beginning.
    unpaid: datetime = item["current_period_start_at"]
    return current if subscription["status"] in ENTITLED else unpaid
