"""The facts that decide over licenses, gathered from what was mirrored: paid periods, refunds, disputes, decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.licenses.core import Dispute, Effect, Refunded
from licet.licenses.disputes import gravest
from licet.refunds.mirror import FAILED
from licet.refunds.store import REFUNDED_OF_INVOICE


@dataclass(frozen=True)
class PaidInvoice:
    """A paid invoice of a subscription, newest first in lists; amounts in minor units of its own currency."""

    id: str
    billing_reason: str | None
    amount_paid: int
    amount_refunded: int

    @property
    def refunded(self) -> Refunded:
        """How much of it went back. Of nothing paid, nothing can go back."""
        return refunded(self.amount_paid, self.amount_refunded)


@dataclass(frozen=True)
class Periods:
    """What was paid for on a subscription.

    invoices: its paid invoices, newest first.
    ends: by invoice and subscription item, the end of the period that its line paid for (prorations aside).
    """

    invoices: Sequence[PaidInvoice]
    ends: Mapping[str, Mapping[str, datetime]]

    def refunded(self) -> Refunded:
        """What became of the newest paid period; changes within one, and what else was billed, do not count."""
        of_periods = (
            one for one in self.invoices if self.ends.get(one.id) and one.billing_reason != "subscription_update"
        )
        newest = next(of_periods, None)
        return newest.refunded if newest else "none"

    def paid_through(self, item_id: str, *, refunds_count: bool) -> datetime | None:
        """Until when an item is paid for; one added within a period has that of its siblings.

        refunds_count: whether a period refunded in full is as if it had never been paid.
        """
        kept = [one.id for one in self.invoices if not (refunds_count and one.refunded == "full")]
        own = next((self.ends[id_][item_id] for id_ in kept if item_id in self.ends.get(id_, {})), None)
        if own is not None:
            return own
        siblings = next((self.ends[id_] for id_ in kept if self.ends.get(id_)), None)
        return max(siblings.values()) if siblings else None


def refunded(paid: int, returned: int) -> Refunded:
    """In full means that refunds equal what was paid (contract, section 4). Minor units of one currency."""
    if returned <= 0:
        return "none"
    return "full" if paid > 0 and returned >= paid else "part"


async def periods_of(conn: Connection, stripe_subscription_id: str) -> Periods:
    """What was paid for on a subscription, with what of it went back."""
    rows = await conn.fetch(
        f"""
        SELECT invoice.stripe_invoice_id, invoice.billing_reason, invoice.amount_paid,
               ({REFUNDED_OF_INVOICE}) AS amount_refunded,
               (SELECT coalesce(jsonb_object_agg(line.item, extract(epoch FROM line.ends)), '{{}}')
                FROM (SELECT stripe_subscription_item_id AS item, max(period_end_at) AS ends FROM invoice_lines
                      WHERE stripe_invoice_id = invoice.stripe_invoice_id AND NOT proration
                        AND stripe_subscription_item_id IS NOT NULL
                      GROUP BY stripe_subscription_item_id) AS line) AS ends
        FROM invoices AS invoice
        WHERE invoice.stripe_subscription_id = $1 AND invoice.status = 'paid'
        ORDER BY invoice.created_at DESC, invoice.period_end_at DESC, invoice.stripe_invoice_id DESC
        """,  # noqa: S608  # put together from constants
        stripe_subscription_id,
        FAILED,
    )
    invoices = [
        PaidInvoice(row["stripe_invoice_id"], row["billing_reason"], row["amount_paid"], row["amount_refunded"])
        for row in rows
    ]
    return Periods(invoices, {row["stripe_invoice_id"]: _times(row["ends"]) for row in rows})


def _times(ends: Mapping[str, float]) -> dict[str, datetime]:
    return {item: datetime.fromtimestamp(end, UTC) for item, end in ends.items()}


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
        FAILED,
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
