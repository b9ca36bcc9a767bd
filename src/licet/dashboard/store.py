"""SQL of the dashboard: renewals, scheduled charges and spend by month."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import asyncpg

from licet.dashboard.core import ExpectedCharge, RenewalItem, RenewingSubscription
from licet.db.connection import Connection
from licet.kit.statuses import ENDED
from licet.refunds.mirror import FAILED_REFUND_STATUSES
from licet.refunds.store import REFUNDED_OF_INVOICE
from licet.subscriptions.core import is_scheduled_to_cancel


async def list_renewing_subscriptions(conn: Connection, account_id: UUID) -> list[RenewingSubscription]:
    """The account's subscriptions that have not ended, in two queries."""
    rows = await conn.fetch(
        """
        SELECT subscription.*,
               subscription.paused_collection IS NULL AS collects,
               coalesce(mirror.object -> 'discounts', '[]') <> '[]'
                   OR coalesce((customer.object ->> 'balance')::bigint, 0) <> 0 AS discounted,
               (SELECT sum(price.unit_amount * planned.quantity)::bigint
                FROM subscription_schedules AS schedule
                JOIN subscription_schedule_items AS planned USING (stripe_schedule_id)
                JOIN prices AS price USING (stripe_price_id)
                WHERE schedule.stripe_schedule_id = subscription.stripe_schedule_id AND schedule.status = 'active'
                    AND planned.starts_at = (SELECT min(current_period_end_at) FROM subscription_items AS item
                        WHERE item.stripe_subscription_id = subscription.stripe_subscription_id)) AS next_amount
        FROM subscriptions AS subscription
        LEFT JOIN mirrors AS mirror ON mirror.stripe_id = subscription.stripe_subscription_id
        LEFT JOIN mirrors AS customer ON customer.stripe_id = subscription.stripe_customer_id
        WHERE subscription.account_id = $1 AND subscription.status <> ALL ($2)
        """,
        account_id,
        list(ENDED),
    )
    items = await conn.fetch(
        """
        SELECT stripe_subscription_id, current_period_end_at, unit_amount * quantity AS amount, currency
        FROM subscription_items WHERE stripe_subscription_id = ANY ($1)
        """,
        [row["stripe_subscription_id"] for row in rows],
    )
    by_subscription: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for item in items:
        by_subscription[item["stripe_subscription_id"]].append(item)
    return [_renewing_subscription(row, by_subscription[row["stripe_subscription_id"]]) for row in rows]


def _renewing_subscription(row: asyncpg.Record, items: list[asyncpg.Record]) -> RenewingSubscription:
    periods = [item["current_period_end_at"] for item in items]
    ends = is_scheduled_to_cancel(
        row["status"], cancel_at_period_end=row["cancel_at_period_end"], cancel_at=row["cancel_at"]
    )
    return RenewingSubscription(
        id=row["stripe_subscription_id"],
        status=row["status"],
        currency=items[0]["currency"] if items else "",
        trial_end_at=row["trial_end_at"],
        ends_at=(row["cancel_at"] or min(periods, default=None)) if ends else None,
        collects=row["collects"],
        items=[RenewalItem(item["current_period_end_at"], item["amount"]) for item in items],
        next_amount=row["next_amount"],
        discounted=row["discounted"],
    )


async def list_scheduled_charges(conn: Connection, account_id: UUID) -> list[ExpectedCharge]:
    """Invoices that Stripe charges automatically: drafts of renewals, and retries."""
    rows = await conn.fetch(
        """
        SELECT amount_due - amount_paid AS amount, currency, next_payment_attempt_at FROM invoices
        WHERE account_id = $1 AND status IN ('draft', 'open') AND next_payment_attempt_at IS NOT NULL
        """,
        account_id,
    )
    return [ExpectedCharge(row["amount"], row["currency"], row["next_payment_attempt_at"]) for row in rows]


async def list_spend(conn: Connection, account_id: UUID, *, since: datetime) -> list[asyncpg.Record]:
    """Payments less refunds: `(month, amount, currency)`, oldest first.

    month: `2027-01`, in UTC. amount: in minor units. A refund reduces the month of the payment that it refunds.
    """
    return await conn.fetch(
        f"""
        SELECT to_char(invoice.paid_at, 'YYYY-MM') AS month, invoice.currency,
               sum(invoice.amount_paid - ({REFUNDED_OF_INVOICE}))::bigint AS amount
        FROM invoices AS invoice
        WHERE invoice.account_id = $1 AND invoice.status = 'paid' AND invoice.paid_at >= $3 AND invoice.amount_paid > 0
        GROUP BY month, invoice.currency ORDER BY month, invoice.currency
        """,  # noqa: S608  # put together from constants
        account_id,
        list(FAILED_REFUND_STATUSES),
        since,
    )
