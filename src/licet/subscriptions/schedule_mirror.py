"""Mirrors Stripe subscription schedules: the phases that a subscription will go through."""

from licet.accounts.mirror import get_or_create_account
from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import StripeObject, id_of
from licet.kit.times import from_epoch
from licet.kit.versions import Version


async def mirror_schedule(conn: Connection, schedule: StripeObject, version: Version) -> Affected:
    """Store a schedule with its phases.

    Its effects on the subscription come with the subscription's own events.
    """
    customer_id = id_of(schedule["customer"])
    if customer_id is None:
        return Affected(ignored="the schedule names no customer")
    account_id, reads = await get_or_create_account(conn, customer_id, version.time)
    subscription_id = id_of(schedule.get("subscription")) or id_of(schedule.get("released_subscription"))
    await conn.execute(
        """
        INSERT INTO subscription_schedules (stripe_schedule_id, account_id, stripe_customer_id, stripe_subscription_id,
                                            status, end_behavior, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (stripe_schedule_id) DO UPDATE SET
            stripe_subscription_id = coalesce(excluded.stripe_subscription_id,
                                              subscription_schedules.stripe_subscription_id),
            status = excluded.status, end_behavior = excluded.end_behavior
        """,
        schedule["id"],
        account_id,
        customer_id,
        subscription_id,
        schedule["status"],
        schedule["end_behavior"],
        from_epoch(schedule["created"]),
    )
    await _replace_items(conn, schedule["id"], schedule["phases"])
    return Affected(account_id, subscriptions=ids(subscription_id), reads=reads)


async def _replace_items(conn: Connection, stripe_schedule_id: str, phases: list[StripeObject]) -> None:
    await conn.execute("DELETE FROM subscription_schedule_items WHERE stripe_schedule_id = $1", stripe_schedule_id)
    await conn.executemany(
        """
        INSERT INTO subscription_schedule_items (stripe_schedule_id, phase, position, starts_at, ends_at,
                                                 stripe_price_id, quantity)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
            (
                stripe_schedule_id,
                number,
                position,
                from_epoch(phase["start_date"]),
                from_epoch(phase["end_date"]),
                id_of(item["price"]),
                1 if item.get("quantity") is None else item["quantity"],
            )
            for number, phase in enumerate(phases)
            for position, item in enumerate(phase["items"])
        ],
    )
