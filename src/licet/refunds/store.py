"""Reads refunds by what was paid."""

import asyncpg

from licet.db.connection import Connection

REFUNDED_OF_INVOICE = """
    SELECT coalesce(sum(refund.amount), 0)::bigint FROM invoice_refunds AS refund
    WHERE refund.stripe_invoice_id = invoice.stripe_invoice_id AND refund.status <> ALL ($2)
"""
"""A subquery: the refunded amount of `invoice`, in minor units. $2: `mirror.FAILED_REFUND_STATUSES`."""


async def find_refund_for_email(conn: Connection, stripe_refund_id: str) -> asyncpg.Record | None:
    """A refund with the `number` of its invoice and the `name` of its account."""
    return await conn.fetchrow(
        """
        SELECT refund.amount, refund.currency, refund.created_at, refund.status, invoice.number, account.name
        FROM refunds AS refund
        LEFT JOIN LATERAL (
            SELECT invoice.number, invoice.account_id
            FROM invoice_refunds JOIN invoices AS invoice USING (stripe_invoice_id)
            WHERE invoice_refunds.stripe_refund_id = $1 LIMIT 1) AS invoice ON true
        LEFT JOIN LATERAL (
            SELECT account_id FROM checkout_sessions
            WHERE stripe_payment_intent_id = refund.stripe_payment_intent_id LIMIT 1) AS session ON true
        LEFT JOIN accounts AS account ON account.id = coalesce(invoice.account_id, session.account_id)
        WHERE refund.stripe_refund_id = $1
        """,
        stripe_refund_id,
    )


async def find_refund_with_purchase(conn: Connection, stripe_refund_id: str) -> asyncpg.Record | None:
    """A refund with the invoice, subscription and order that it was paid for.

    `{refund_id, amount, currency, status, account_id, invoice_id, subscription_id, order_id}`; the last four are null
    if they are not known or do not apply.
    """
    return await conn.fetchrow(
        """
        WITH refund AS (
            SELECT * FROM refunds WHERE stripe_refund_id = $1
        ), invoice AS (
            SELECT account_id, stripe_invoice_id, stripe_subscription_id
            FROM invoice_refunds JOIN invoices USING (stripe_invoice_id) WHERE stripe_refund_id = $1 LIMIT 1
        ), bought AS (
            SELECT orders.account_id, orders.id AS order_id
            FROM (
                SELECT stripe_session_id FROM refund JOIN checkout_sessions USING (stripe_payment_intent_id)
                UNION SELECT stripe_session_id FROM invoice JOIN checkout_sessions USING (stripe_invoice_id)
            ) AS session JOIN orders USING (stripe_session_id) LIMIT 1
        )
        SELECT refund.stripe_refund_id AS refund_id, refund.amount, refund.currency, refund.status,
               coalesce(invoice.account_id, bought.account_id) AS account_id,
               invoice.stripe_invoice_id AS invoice_id, invoice.stripe_subscription_id AS subscription_id,
               bought.order_id
        FROM refund LEFT JOIN invoice ON true LEFT JOIN bought ON true
        """,
        stripe_refund_id,
    )
