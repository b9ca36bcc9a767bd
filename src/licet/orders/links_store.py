"""Finds the purchases that a Stripe id belongs to, over mirrored payments, invoices and sessions."""

from dataclasses import dataclass

from licet.db.connection import Connection
from licet.kit.affected import Affected


@dataclass(frozen=True)
class Purchases:
    """Ids of the purchases to settle: subscriptions with licenses, checkout sessions with orders."""

    subscriptions: tuple[str, ...]
    sessions: tuple[str, ...]


async def find_purchases(conn: Connection, affected: Affected) -> Purchases:
    """The purchases that the affected objects belong to, as far as the links are mirrored."""
    rows = await conn.fetch(
        """
        WITH invoice AS (
            SELECT unnest($1::text[]) AS id
            UNION SELECT stripe_invoice_id FROM invoice_payments WHERE stripe_payment_intent_id = ANY ($2)
            UNION SELECT stripe_invoice_id FROM invoice_payments WHERE stripe_charge_id = ANY ($3)
        ), subscription AS (
            SELECT unnest($4::text[]) AS id
            UNION SELECT stripe_subscription_id FROM invoices
                  WHERE stripe_invoice_id IN (SELECT id FROM invoice) AND stripe_subscription_id IS NOT NULL
        ), session AS (
            SELECT unnest($5::text[]) AS id
            UNION SELECT stripe_session_id FROM checkout_sessions WHERE stripe_payment_intent_id = ANY ($2)
            UNION SELECT stripe_session_id FROM checkout_sessions WHERE stripe_invoice_id IN (SELECT id FROM invoice)
            UNION SELECT stripe_session_id FROM checkout_sessions
                  WHERE stripe_subscription_id IN (SELECT id FROM subscription)
        )
        SELECT true AS recurring, id FROM subscription UNION ALL SELECT false, id FROM session ORDER BY id
        """,
        list(affected.invoices),
        list(affected.payment_intents),
        list(affected.charges),
        list(affected.subscriptions),
        list(affected.sessions),
    )
    return Purchases(
        tuple(row["id"] for row in rows if row["recurring"]), tuple(row["id"] for row in rows if not row["recurring"])
    )


async def joined_ids(conn: Connection, ids: frozenset[str]) -> frozenset[str]:
    """Return `ids` and the ids that mirrored links join them to, up to the customer.

    Refunds, disputes and invoice payments carry no customer. Their events lock these ids, so that of two concurrent
    events that complete each other at least one sees the other's rows.
    """
    rows = await conn.fetch(
        """
        WITH payment AS (
            SELECT stripe_invoice_id AS id FROM invoice_payments WHERE stripe_payment_intent_id = ANY ($1)
            UNION SELECT stripe_invoice_id FROM invoice_payments WHERE stripe_charge_id = ANY ($1)
            UNION SELECT unnest($1::text[])
        ), invoice AS (
            SELECT invoices.stripe_invoice_id AS id, stripe_subscription_id, stripe_customer_id
            FROM payment JOIN invoices ON invoices.stripe_invoice_id = payment.id
        ), session AS (
            SELECT stripe_session_id AS id, stripe_subscription_id, stripe_customer_id FROM checkout_sessions
            WHERE stripe_payment_intent_id = ANY ($1)
        )
        SELECT id FROM payment
        UNION SELECT unnest(ARRAY[id, stripe_subscription_id, stripe_customer_id]) FROM invoice
        UNION SELECT unnest(ARRAY[id, stripe_subscription_id, stripe_customer_id]) FROM session
        """,
        list(ids),
    )
    return ids | {row["id"] for row in rows if row["id"] is not None}
