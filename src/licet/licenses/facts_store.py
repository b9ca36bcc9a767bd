"""Reads the facts that decide over licenses: paid periods, refunds, disputes, operator decisions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.licenses.disputes import Dispute, worst_dispute
from licet.licenses.paid_periods import PaidInvoice, PeriodLine, Periods
from licet.licenses.policy import Effect
from licet.refunds.mirror import FAILED_REFUND_STATUSES
from licet.refunds.store import REFUNDED_OF_INVOICE


async def periods_of(conn: Connection, stripe_subscription_id: str) -> Periods:
    """The paid invoices of a subscription, newest first, with the amount refunded of each.

    Of two invoices created in the same second, the one with the higher number is newer. What was refunded for a
    duplicate plan counts as neither paid nor refunded, if the subscription continues without the plan.
    """
    rows = await conn.fetch(
        f"""
        SELECT invoice.stripe_invoice_id, invoice.billing_reason, invoice.amount_paid,
               ({REFUNDED_OF_INVOICE}) AS amount_refunded,
               coalesce((SELECT refund_amount FROM second_plans AS duplicate
                         WHERE duplicate.purchase_invoice_id = invoice.stripe_invoice_id
                             AND duplicate.stripe_subscription_id = $1 AND subscription_continues), 0) AS undone_amount,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(
                           stripe_subscription_item_id, extract(epoch FROM period_start_at),
                           extract(epoch FROM period_end_at), proration, amount, credits)), '[]')
                FROM invoice_lines
                WHERE stripe_invoice_id = invoice.stripe_invoice_id AND stripe_subscription_item_id IS NOT NULL
               ) AS lines
        FROM invoices AS invoice
        WHERE invoice.stripe_subscription_id = $1 AND invoice.status = 'paid'
        ORDER BY invoice.created_at DESC, length(invoice.number) DESC NULLS LAST, invoice.number DESC NULLS LAST,
                 invoice.stripe_invoice_id DESC
        """,  # noqa: S608  # composed of constants
        stripe_subscription_id,
        FAILED_REFUND_STATUSES,
    )
    return Periods([_invoice(row) for row in rows])


def _invoice(row: asyncpg.Record) -> PaidInvoice:
    undone = min(row["undone_amount"], row["amount_refunded"])
    return PaidInvoice(
        row["stripe_invoice_id"],
        row["billing_reason"],
        row["amount_paid"] - undone,
        row["amount_refunded"] - undone,
        [_line(*line) for line in row["lines"]],
    )


def _line(item: str, starts: float, ends: float, proration: bool, amount: int, is_credit: bool) -> PeriodLine:  # noqa: PLR0917 - a row
    from_epoch = datetime.fromtimestamp
    return PeriodLine(item, from_epoch(starts, UTC), from_epoch(ends, UTC), proration, amount, is_credit)


async def refunded_of_session(conn: Connection, session: asyncpg.Record) -> int:
    """The amount refunded of a checkout's payment intent or first invoice, in minor units."""
    amount_refunded: int = await conn.fetchval(
        """
        SELECT coalesce(sum(refund.amount), 0)::bigint
        FROM (
            SELECT stripe_refund_id, amount, status FROM refunds WHERE stripe_payment_intent_id = $1
            UNION
            SELECT stripe_refund_id, amount, status FROM invoice_refunds WHERE stripe_invoice_id = $2) AS refund
        WHERE refund.status <> ALL ($3)
        """,
        session["stripe_payment_intent_id"],
        session["stripe_invoice_id"],
        FAILED_REFUND_STATUSES,
    )
    return amount_refunded


_DISPUTE = """
    SELECT coalesce(array_agg(DISTINCT dispute.status), '{}') FROM (
        SELECT dispute.status FROM payment JOIN disputes AS dispute USING (stripe_payment_intent_id)
        UNION ALL
        SELECT dispute.status FROM payment JOIN disputes AS dispute USING (stripe_charge_id)) AS dispute
"""


async def dispute_on_subscription(conn: Connection, stripe_subscription_id: str) -> Dispute:
    """The dispute that counts among those on any payment of a subscription."""
    return worst_dispute(
        await conn.fetchval(
            f"""
            WITH payment AS (
                SELECT payment.stripe_payment_intent_id, payment.stripe_charge_id
                FROM invoice_payments AS payment JOIN invoices AS invoice USING (stripe_invoice_id)
                WHERE invoice.stripe_subscription_id = $1)
            {_DISPUTE}
            """,  # noqa: S608  # composed of constants
            stripe_subscription_id,
        )
    )


async def dispute_on_session(conn: Connection, session: asyncpg.Record) -> Dispute:
    """The dispute that counts among those on the payment of a checkout."""
    return worst_dispute(
        await conn.fetchval(
            f"""
            WITH payment AS (
                SELECT $1::text AS stripe_payment_intent_id, NULL::text AS stripe_charge_id
                UNION
                SELECT stripe_payment_intent_id, stripe_charge_id FROM invoice_payments WHERE stripe_invoice_id = $2)
            {_DISPUTE}
            """,  # noqa: S608  # composed of constants
            session["stripe_payment_intent_id"],
            session["stripe_invoice_id"],
        )
    )


async def decided_by_hand(conn: Connection, license_ids: Sequence[UUID]) -> dict[UUID, Effect]:
    """The operators' decisions on these licenses that were not lifted; `revoke` outweighs `suspend`."""
    if not license_ids:
        return {}
    rows = await conn.fetch(
        """
        SELECT license_id, min(kind) AS kind FROM license_decisions
        WHERE license_id = ANY ($1) AND lifted_at IS NULL GROUP BY license_id
        """,
        license_ids,
    )
    return {row["license_id"]: row["kind"] for row in rows}
