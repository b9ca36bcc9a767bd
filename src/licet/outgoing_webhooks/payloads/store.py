"""Reads the rows that the bodies of outgoing events are rendered from."""

from uuid import UUID

import asyncpg

from licet.db.connection import Connection


async def find_outgoing_event(conn: Connection, event_id: UUID) -> asyncpg.Record | None:
    """`{event, about, created_at}` of an outgoing event. None if it does not exist."""
    return await conn.fetchrow("SELECT event, about, created_at FROM outgoing_events WHERE id = $1", event_id)


async def find_order_buyer(conn: Connection, order_id: UUID) -> tuple[str | None, str | None]:
    """An order's Stripe customer, and the buyer's address (as in `notifications/recipients.py`)."""
    row = await conn.fetchrow(
        """
        SELECT buyer.customer_id, coalesce(session.customer_email, account.email, customer.email) AS email
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN accounts AS account ON account.id = orders.account_id
        CROSS JOIN LATERAL (
            SELECT coalesce(session.stripe_customer_id, account.stripe_customer_id) AS customer_id) AS buyer
        LEFT JOIN customers AS customer ON customer.stripe_customer_id = buyer.customer_id
        WHERE orders.id = $1
        """,
        order_id,
    )
    return (row["customer_id"], row["email"]) if row else (None, None)


async def list_order_licenses(conn: Connection, order_id: UUID) -> list[asyncpg.Record]:
    """The licenses of an order's lines and subscription, as in the welcome email.

    Without unused units and without duplicate plans that were undone.
    """
    return await conn.fetch(
        """
        SELECT license.key_encrypted, license.product_id, license.activations_limit, license.expires_at
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN licenses AS license
            ON license.stripe_session_id = session.stripe_session_id
            OR license.stripe_subscription_id = session.stripe_subscription_id
        WHERE orders.id = $1 AND license.wanted AND NOT EXISTS (
            SELECT 1 FROM second_plans AS duplicate
            JOIN products AS product ON product.stripe_product_id = ANY (duplicate.stripe_product_ids)
            WHERE duplicate.stripe_subscription_id = session.stripe_subscription_id
                AND product.id = license.product_id)
        ORDER BY license.created_at, license.id
        """,
        order_id,
    )


async def list_undone_products(conn: Connection, stripe_subscription_id: str | None) -> frozenset[UUID]:
    """The products of a subscription's purchase that were undone as duplicate plans."""
    rows = await conn.fetch(
        """
        SELECT product.id FROM second_plans AS duplicate
        JOIN products AS product ON product.stripe_product_id = ANY (duplicate.stripe_product_ids)
        WHERE duplicate.stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )
    return frozenset(row["id"] for row in rows)


async def find_timeline_entry(conn: Connection, license_id: UUID, entry_id: UUID) -> asyncpg.Record | None:
    """One entry of a license's timeline, with the license's account."""
    return await conn.fetchrow(
        """
        SELECT license.account_id, line.from_value, line.to_value, line.at, line.because
        FROM license_timeline AS line JOIN licenses AS license ON license.id = line.license_id
        WHERE line.id = $1 AND license.id = $2
        """,
        entry_id,
        license_id,
    )


async def find_duplicate_plan(conn: Connection, stripe_subscription_id: str) -> asyncpg.Record | None:
    """A subscription that contained a duplicate of an older plan: what was undone and returned.

    `{kept_subscription_id, account_id, external_id, subscription_continues, amount_refunded, amount_credited,
    currency}`; currency: null for one that an earlier version of Licet undid, whose amounts are 0.
    """
    return await conn.fetchrow(
        """
        SELECT duplicate.kept_subscription_id, account.id AS account_id, account.external_id,
               duplicate.subscription_continues, duplicate.refund_amount AS amount_refunded,
               duplicate.credit_amount AS amount_credited, duplicate.currency
        FROM second_plans AS duplicate JOIN subscriptions AS subscription USING (stripe_subscription_id)
        JOIN accounts AS account ON account.id = subscription.account_id
        WHERE duplicate.stripe_subscription_id = $1
        """,
        stripe_subscription_id,
    )


async def list_undone_plans(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    """`{product_id, product_name}` of each plan of a subscription that was undone."""
    return await conn.fetch(
        """
        SELECT product.id AS product_id, product.name AS product_name
        FROM second_plans AS duplicate
        JOIN products AS product ON product.stripe_product_id = ANY (duplicate.stripe_product_ids)
        WHERE duplicate.stripe_subscription_id = $1 ORDER BY product.name, product.id
        """,
        stripe_subscription_id,
    )


async def list_refunds_of_undone(conn: Connection, stripe_subscription_id: str) -> list[asyncpg.Record]:
    """The refunds of an undone purchase's invoice, oldest first: `{refund_id, amount, currency, status}`."""
    return await conn.fetch(
        """
        SELECT DISTINCT ON (created_at, stripe_refund_id) stripe_refund_id AS refund_id, amount, currency, status
        FROM invoice_refunds
        WHERE stripe_invoice_id = ANY (
            ARRAY(SELECT invoice.stripe_invoice_id
                  FROM invoices AS invoice JOIN second_plans AS duplicate USING (stripe_subscription_id)
                  WHERE duplicate.stripe_subscription_id = $1
                      AND invoice.stripe_invoice_id
                          = coalesce(duplicate.purchase_invoice_id, invoice.stripe_invoice_id)))
        ORDER BY created_at, stripe_refund_id
        """,
        stripe_subscription_id,
    )
