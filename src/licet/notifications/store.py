"""Reads the rows that emails and outgoing events are about, and what was already announced."""

from collections.abc import Collection, Sequence
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.kit.affected import Affected
from licet.refunds.mirror import FAILED_REFUND_STATUSES


async def find_account_email(conn: Connection, account_id: UUID | None) -> str | None:
    """An account's email address, or else its Stripe customer's."""
    address: str | None = await conn.fetchval(
        """
        SELECT coalesce(account.email, customer.email) FROM accounts AS account
        LEFT JOIN customers AS customer USING (stripe_customer_id) WHERE account.id = $1
        """,
        account_id,
    )
    return address


async def has_welcome_email(conn: Connection, fact: str) -> bool:
    """Whether the welcome email about this fact was queued before."""
    return bool(
        await conn.fetchval("SELECT EXISTS (SELECT 1 FROM emails WHERE template = 'welcome' AND fact = $1)", fact)
    )


async def list_paid_invoices(conn: Connection, stripe_invoice_ids: Collection[str]) -> list[asyncpg.Record]:
    """Those of the invoices that are paid. published: whether `invoice.paid` was written for it before."""
    return await conn.fetch(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email, total,
               EXISTS (
                   SELECT 1 FROM outgoing_events WHERE event = 'invoice.paid' AND fact = stripe_invoice_id) AS published
        FROM invoices WHERE stripe_invoice_id = ANY ($1) AND status = 'paid' ORDER BY stripe_invoice_id
        """,
        list(stripe_invoice_ids),
    )


async def list_refunds_on_their_way(conn: Connection, affected: Affected) -> list[asyncpg.Record]:
    """The affected refunds whose payer is known, except those that failed or wait for the buyer.

    `{stripe_refund_id, account_id, customer_email, published}`; published: whether `charge.refunded` was written.
    """
    return await conn.fetch(
        """
        WITH refund AS (
            SELECT stripe_refund_id, stripe_payment_intent_id, status FROM refunds
            WHERE stripe_payment_intent_id = ANY ($1)
            UNION SELECT stripe_refund_id, stripe_payment_intent_id, status FROM refunds
                  WHERE stripe_charge_id = ANY ($2)
            UNION SELECT stripe_refund_id, stripe_payment_intent_id, status FROM invoice_refunds
                  WHERE stripe_invoice_id = ANY ($3)
        ), payer AS (
            SELECT stripe_refund_id, invoice.account_id, invoice.customer_email
            FROM invoice_refunds JOIN invoices AS invoice USING (stripe_invoice_id)
            WHERE stripe_refund_id = ANY (ARRAY(SELECT stripe_refund_id FROM refund))
            UNION ALL
            SELECT refund.stripe_refund_id, session.account_id, session.customer_email
            FROM refund JOIN checkout_sessions AS session USING (stripe_payment_intent_id)
        )
        SELECT DISTINCT ON (stripe_refund_id) stripe_refund_id, payer.account_id, payer.customer_email,
               EXISTS (
                   SELECT 1 FROM outgoing_events
                   WHERE event = 'charge.refunded' AND fact = stripe_refund_id) AS published
        FROM refund JOIN payer USING (stripe_refund_id)
        WHERE status <> ALL ($4) AND status <> 'requires_action' AND payer.account_id IS NOT NULL
        ORDER BY stripe_refund_id, payer.customer_email NULLS LAST
        """,
        list(affected.payment_intents),
        list(affected.charges),
        list(affected.invoices),
        FAILED_REFUND_STATUSES,
    )


async def find_unpaid_invoice(conn: Connection, stripe_invoice_id: str, attempt: int) -> asyncpg.Record | None:
    """An invoice that is still unpaid after this attempt. None if it was paid, closed or attempted again."""
    return await conn.fetchrow(
        """
        SELECT stripe_invoice_id, number, account_id, customer_email FROM invoices
        WHERE stripe_invoice_id = $1 AND status IN ('draft', 'open') AND attempt_count <= $2
        """,
        stripe_invoice_id,
        attempt,
    )


async def find_open_session(conn: Connection, stripe_session_id: str) -> asyncpg.Record | None:
    """A checkout session that is still open, else None."""
    return await conn.fetchrow(
        """
        SELECT stripe_session_id, account_id, customer_email FROM checkout_sessions
        WHERE stripe_session_id = $1 AND status = 'open'
        """,
        stripe_session_id,
    )


async def find_account_of_failed_session(conn: Connection, stripe_session_id: str) -> UUID | None:
    """The account of a checkout session whose delayed payment has failed, else None."""
    account_id: UUID | None = await conn.fetchval(
        "SELECT account_id FROM checkout_sessions WHERE stripe_session_id = $1 AND payment_failed", stripe_session_id
    )
    return account_id


async def list_subscriptions_to_announce(
    conn: Connection, stripe_subscription_ids: Collection[str]
) -> list[asyncpg.Record]:
    """Subscriptions with `fingerprint`, a hash of the fields that the API returns.

    told_as: the fingerprint at the last announcement, None if there was none.
    changes: how often the mirrored subscription has changed.
    """
    return await conn.fetch(
        """
        SELECT stripe_subscription_id, account_id, NULL AS customer_email, status, cancel_at_period_end, cancel_at,
               period_end_at, coalesce(mirror.changes, 1) AS changes, told_as,
               md5(row(status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at,
                       items.fields)::text) AS fingerprint
        FROM subscriptions AS subscription
        LEFT JOIN LATERAL (SELECT changes FROM mirrors WHERE stripe_id = stripe_subscription_id) AS mirror ON true
        CROSS JOIN LATERAL (
            SELECT min(current_period_end_at) AS period_end_at,
                   array_agg(row(stripe_price_id, stripe_product_id, quantity, current_period_start_at,
                                 current_period_end_at)::text ORDER BY position) AS fields
            FROM subscription_items AS item
            WHERE item.stripe_subscription_id = subscription.stripe_subscription_id
        ) AS items
        WHERE stripe_subscription_id = ANY ($1) ORDER BY stripe_subscription_id
        """,
        list(stripe_subscription_ids),
    )


async def write_fingerprints(conn: Connection, subscriptions: Sequence[asyncpg.Record]) -> None:
    """Store each subscription's fingerprint as the announced one."""
    await conn.execute(
        """
        UPDATE subscriptions SET told_as = fingerprint
        FROM unnest($1::text[], $2::text[]) AS announced (id, fingerprint) WHERE stripe_subscription_id = announced.id
        """,
        [row["stripe_subscription_id"] for row in subscriptions],
        [row["fingerprint"] for row in subscriptions],
    )
