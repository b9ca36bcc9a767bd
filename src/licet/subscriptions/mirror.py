"""Mirrors Stripe subscriptions: status, scheduled cancellation, items with their periods."""

from licet.accounts.mirror import get_or_create_account
from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.statuses import ENDED
from licet.kit.stripe_objects import StripeObject, id_of, product_of_price
from licet.kit.times import from_epoch, from_epoch_or_none
from licet.kit.versions import Version
from licet.subscriptions.immediate_cancellation_store import delete_cancellation


async def mirror_subscription(conn: Connection, subscription: StripeObject, version: Version) -> Affected:
    """Insert or update a subscription with its items.

    If Stripe cut the items off (`has_more`), the subscription is read instead.
    """
    stripe_id: str = subscription["id"]
    if subscription["items"].get("has_more"):
        return Affected(reads=frozenset({("subscription", stripe_id)}))
    customer_id = id_of(subscription["customer"])
    if customer_id is None:
        return Affected(ignored="the subscription names no customer")
    account_id, reads = await get_or_create_account(conn, customer_id, version.time)
    await conn.execute(
        """
        INSERT INTO subscriptions (
            stripe_subscription_id, account_id, stripe_customer_id, status, cancel_at_period_end, cancel_at,
            canceled_at, ended_at, trial_end_at, stripe_default_payment_method_id, stripe_latest_invoice_id,
            stripe_schedule_id, paused_collection, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (stripe_subscription_id) DO UPDATE SET
            status = excluded.status, cancel_at_period_end = excluded.cancel_at_period_end,
            cancel_at = excluded.cancel_at, canceled_at = excluded.canceled_at, ended_at = excluded.ended_at,
            trial_end_at = excluded.trial_end_at,
            stripe_default_payment_method_id = excluded.stripe_default_payment_method_id,
            stripe_latest_invoice_id = excluded.stripe_latest_invoice_id,
            stripe_schedule_id = excluded.stripe_schedule_id, paused_collection = excluded.paused_collection
        """,
        stripe_id,
        account_id,
        customer_id,
        subscription["status"],
        subscription["cancel_at_period_end"],
        from_epoch_or_none(subscription.get("cancel_at")),
        from_epoch_or_none(subscription.get("canceled_at")),
        from_epoch_or_none(subscription.get("ended_at")),
        from_epoch_or_none(subscription.get("trial_end")),
        id_of(subscription.get("default_payment_method")),
        id_of(subscription.get("latest_invoice")),
        id_of(subscription.get("schedule")),
        (subscription.get("pause_collection") or {}).get("behavior"),
        from_epoch(subscription["created"]),
    )
    await _replace_items(conn, stripe_id, subscription["items"]["data"])
    if subscription["status"] in ENDED:
        await delete_cancellation(conn, stripe_id)
    return Affected(account_id, subscriptions=ids(stripe_id), reads=reads)


async def _replace_items(conn: Connection, stripe_subscription_id: str, items: list[StripeObject]) -> None:
    await conn.execute("DELETE FROM subscription_items WHERE stripe_subscription_id = $1", stripe_subscription_id)
    await conn.executemany(
        """
        INSERT INTO subscription_items (
            stripe_subscription_item_id, stripe_subscription_id, position, stripe_price_id, stripe_product_id, quantity,
            unit_amount, currency, interval, interval_count, current_period_start_at, current_period_end_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        [
            (
                item["id"],
                stripe_subscription_id,
                position,
                item["price"]["id"],
                product_of_price(item["price"]),
                1 if item.get("quantity") is None else item["quantity"],
                item["price"].get("unit_amount"),
                item["price"]["currency"],
                item["price"]["recurring"]["interval"],
                item["price"]["recurring"]["interval_count"],
                from_epoch(item["current_period_start"]),
                from_epoch(item["current_period_end"]),
            )
            for position, item in enumerate(items)
        ],
    )
