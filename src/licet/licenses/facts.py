"""The facts that decide over licenses, gathered from what was mirrored: paid periods, refunds, disputes, decisions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.licenses.core import Dispute, Effect, gravest
from licet.licenses.paid_periods import PaidInvoice, PeriodLine, Periods
from licet.refunds.mirror import FAILED_REFUND_STATUSES
from licet.refunds.store import REFUNDED_OF_INVOICE


async def periods_of(conn: Connection, stripe_subscription_id: str) -> Periods:
    """What was paid for on a subscription, with what of it went back.

    Of two that were made in one second the later has the higher number: a customer's invoices are counted.
    """
    rows = await conn.fetch(
        f"""
        SELECT invoice.stripe_invoice_id, invoice.billing_reason, invoice.amount_paid,
               ({REFUNDED_OF_INVOICE}) AS amount_refunded,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(
                           stripe_subscription_item_id, extract(epoch FROM period_start_at),
                           extract(epoch FROM period_end_at), proration, amount)), '[]')
                FROM invoice_lines
                WHERE stripe_invoice_id = invoice.stripe_invoice_id AND stripe_subscription_item_id IS NOT NULL
               ) AS lines
        FROM invoices AS invoice
        WHERE invoice.stripe_subscription_id = $1 AND invoice.status = 'paid'
        ORDER BY invoice.created_at DESC, length(invoice.number) DESC NULLS LAST, invoice.number DESC NULLS LAST,
                 invoice.stripe_invoice_id DESC
        """,  # noqa: S608  # put together from constants
        stripe_subscription_id,
        FAILED_REFUND_STATUSES,
    )
    return Periods(
        [
            PaidInvoice(
                row["stripe_invoice_id"],
                row["billing_reason"],
                row["amount_paid"],
                row["amount_refunded"],
                [_line(*line) for line in row["lines"]],
            )
            for row in rows
        ]
    )


def _line(item: str, starts: float, ends: float, proration: bool, amount: int) -> PeriodLine:
    return PeriodLine(item, datetime.fromtimestamp(starts, UTC), datetime.fromtimestamp(ends, UTC), proration, amount)


async def refunded_of_session(conn: Connection, session: asyncpg.Record) -> int:
    """What went back of a checkout's payment, in minor units: of its payment intent, or of its first invoice's."""
    returned: int = await conn.fetchval(
        """
        SELECT coalesce(sum(refund.amount), 0)::bigint
        FROM (
            SELECT stripe_refund_id, amount, status FROM refunds WHERE stripe_payment_intent_id = $1
            UNION
            SELECT refund.stripe_refund_id, refund.amount, refund.status
            FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_payment_intent_id)
            WHERE payment.stripe_invoice_id = $2
            UNION
            SELECT refund.stripe_refund_id, refund.amount, refund.status
            FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_charge_id)
            WHERE payment.stripe_invoice_id = $2) AS refund
        WHERE refund.status <> ALL ($3)
        """,
        session["stripe_payment_intent_id"],
        session["stripe_invoice_id"],
        FAILED_REFUND_STATUSES,
    )
    return returned


_DISPUTE = """
    SELECT coalesce(array_agg(DISTINCT dispute.status), '{}') FROM (
        SELECT dispute.status FROM payment JOIN disputes AS dispute USING (stripe_payment_intent_id)
        UNION ALL
        SELECT dispute.status FROM payment JOIN disputes AS dispute USING (stripe_charge_id)) AS dispute
"""


async def dispute_on_subscription(conn: Connection, stripe_subscription_id: str) -> Dispute:
    """The gravest dispute on any payment of a subscription."""
    return gravest(
        await conn.fetchval(
            f"""
            WITH payment AS (
                SELECT payment.stripe_payment_intent_id, payment.stripe_charge_id
                FROM invoice_payments AS payment JOIN invoices AS invoice USING (stripe_invoice_id)
                WHERE invoice.stripe_subscription_id = $1)
            {_DISPUTE}
            """,  # noqa: S608  # put together from constants
            stripe_subscription_id,
        )
    )


async def dispute_on_session(conn: Connection, session: asyncpg.Record) -> Dispute:
    """The gravest dispute on the payment of a checkout."""
    return gravest(
        await conn.fetchval(
            f"""
            WITH payment AS (
                SELECT $1::text AS stripe_payment_intent_id, NULL::text AS stripe_charge_id
                UNION
                SELECT stripe_payment_intent_id, stripe_charge_id FROM invoice_payments WHERE stripe_invoice_id = $2)
            {_DISPUTE}
            """,  # noqa: S608  # put together from constants
            session["stripe_payment_intent_id"],
            session["stripe_invoice_id"],
        )
    )


async def decided_by_hand(conn: Connection, license_ids: Sequence[UUID]) -> dict[UUID, Effect]:
    """What operators decided over these licenses and nobody lifted; to revoke outweighs to suspend."""
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
