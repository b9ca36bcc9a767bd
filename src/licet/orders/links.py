"""From any of Stripe's ids to the purchases it belongs to: by the payments, invoices and sessions that we mirrored."""

from dataclasses import dataclass

from licet.db.connection import Connection
from licet.kit.affected import Affected


@dataclass(frozen=True)
class Purchases:
    """The purchases to settle: a subscription with its licenses, a session with its order."""

    subscriptions: tuple[str, ...]
    sessions: tuple[str, ...]


async def find_purchases(conn: Connection, affected: Affected) -> Purchases:
    """The purchases that what was affected belongs to, as far as the links are known."""
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
    """`ids`, and what they are joined to by links that we know, down to the customer.

    For what carries no customer itself (refunds, disputes, invoice payments): these are the locks under which two
    events that are each other's missing half cannot pass unseen.
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
