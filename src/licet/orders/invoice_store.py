# ruff: noqa: S608 - only the constants below are formatted into the statements
"""Reads mirrored invoices, so that they can be shown while Stripe is down."""

from typing import Any
from uuid import UUID

import asyncpg

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page
from licet.orders.schemas import Invoice, InvoiceDetails, InvoiceLine

_COLUMNS = """
    stripe_invoice_id AS id, number, status, amount_due, amount_paid, currency, created_at,
    period_start_at AS period_start, period_end_at AS period_end, stripe_subscription_id AS subscription_id,
    hosted_invoice_url, invoice_pdf"""


async def list_mirrored_invoices(
    conn: Connection, page: Page, *, account_id: UUID | None, status: str | None, subscription_id: str | None
) -> tuple[list[Invoice], int]:
    """A page of invoices, newest first, and the total count. account_id None: of all accounts."""
    where = (
        Where()
        .add("account_id = {}", account_id)
        .add("stripe_subscription_id = {}", subscription_id)
        .add("status = {}", status)
    )
    rows, total = await fetch_page(
        conn,
        page,
        where,
        columns=_COLUMNS,
        table="invoices",
        order_by="created_at DESC, stripe_invoice_id",
    )
    return [Invoice(**dict(row)) for row in rows], total


async def list_newest_invoices(conn: Connection, account_id: UUID, count: int) -> list[Invoice]:
    """The newest invoices of an account."""
    rows = await conn.fetch(
        f"""
        SELECT {_COLUMNS} FROM invoices WHERE account_id = $1
        ORDER BY created_at DESC, stripe_invoice_id LIMIT $2
        """,
        account_id,
        count,
    )
    return [Invoice(**dict(row)) for row in rows]


async def find_invoice(conn: Connection, stripe_invoice_id: str, *, account_id: UUID | None) -> InvoiceDetails | None:
    """One invoice with its lines. None if it is not mirrored or belongs to another account."""
    row = await conn.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM invoices
        WHERE stripe_invoice_id = $1 AND ($2::uuid IS NULL OR account_id = $2)
        """,
        stripe_invoice_id,
        account_id,
    )
    if row is None:
        return None
    return InvoiceDetails(**dict(row), lines=await _lines(conn, stripe_invoice_id))


async def find_invoice_summary(conn: Connection, stripe_invoice_id: str) -> Invoice | None:
    """One invoice without its lines. None if it is not mirrored."""
    row = await conn.fetchrow(f"SELECT {_COLUMNS} FROM invoices WHERE stripe_invoice_id = $1", stripe_invoice_id)
    return Invoice(**dict(row)) if row else None


async def _lines(conn: Connection, stripe_invoice_id: str) -> list[InvoiceLine]:
    rows = await conn.fetch(
        """
        SELECT line.description, product.id AS product_id, line.stripe_price_id AS price_id, line.quantity,
               line.amount, line.currency, line.proration, line.period_start_at AS period_start,
               line.period_end_at AS period_end
        FROM invoice_lines AS line LEFT JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_invoice_id = $1 ORDER BY line.position
        """,
        stripe_invoice_id,
    )
    return [InvoiceLine(**dict(row)) for row in rows]


async def find_invoice_account(conn: Connection, stripe_invoice_id: str) -> UUID | None:
    """The account that an invoice belongs to. None if it is not known."""
    account_id: UUID | None = await conn.fetchval(
        "SELECT account_id FROM invoices WHERE stripe_invoice_id = $1", stripe_invoice_id
    )
    return account_id


async def find_invoice_for_email(conn: Connection, stripe_invoice_id: str) -> asyncpg.Record | None:
    """All columns of an invoice, and `name`, the name of its account."""
    return await conn.fetchrow(
        """
        SELECT invoice.*, account.name
        FROM invoices AS invoice LEFT JOIN accounts AS account ON account.id = invoice.account_id
        WHERE invoice.stripe_invoice_id = $1
        """,
        stripe_invoice_id,
    )


async def list_invoice_lines_for_email(conn: Connection, stripe_invoice_id: str) -> list[dict[str, Any]]:
    """`{description, quantity, amount, currency}` of each line, in Stripe's order."""
    rows = await conn.fetch(
        """
        SELECT coalesce(line.description, product.name, 'Item') AS description, line.quantity, line.amount,
               line.currency
        FROM invoice_lines AS line LEFT JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_invoice_id = $1 ORDER BY line.position
        """,
        stripe_invoice_id,
    )
    return [dict(row) for row in rows]


async def find_failed_invoice(conn: Connection, stripe_invoice_id: str) -> asyncpg.Record | None:
    """The invoice of a failed payment, with `url` to pay it at; null if it can no longer be paid."""
    return await conn.fetchrow(
        """
        SELECT account_id, amount_due AS amount, currency, stripe_invoice_id AS invoice_id,
               next_payment_attempt_at AS next_attempt_at,
               CASE WHEN status IN ('open', 'uncollectible') THEN hosted_invoice_url END AS url
        FROM invoices WHERE stripe_invoice_id = $1
        """,
        stripe_invoice_id,
    )
