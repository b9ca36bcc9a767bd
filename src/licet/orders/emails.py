"""What receipts and payment failures say, read from their ids when they are sent or shown."""

from typing import Any

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound


async def gather_receipt(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, number, paid_at, total, amount_paid, currency, lines, invoice_url, invoice_pdf}`. about: `{"invoiceId"}`.

    Raises NotFound for an unknown invoice.
    """
    invoice = await _get_invoice(conn, about["invoiceId"])
    return {
        "name": invoice["name"],
        "number": invoice["number"],
        "paid_at": invoice["paid_at"],
        "total": invoice["total"],
        "amount_paid": invoice["amount_paid"],
        "currency": invoice["currency"],
        "lines": await _invoice_lines(conn, about["invoiceId"]),
        "invoice_url": invoice["hosted_invoice_url"],
        "invoice_pdf": invoice["invoice_pdf"],
    }


async def gather_payment_failed(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """`{name, number, amount, currency, lines, url, next_attempt_at, paid, in_checkout}`.

    about: `{"invoiceId", "attempt"}` for a renewal, `{"sessionId"}` for a try on the checkout page. `url` is where to
    pay. Raises NotFound for an unknown one.
    """
    if "sessionId" in about:
        return await _of_session(conn, about["sessionId"])
    invoice = await _get_invoice(conn, about["invoiceId"])
    return {
        "name": invoice["name"],
        "number": invoice["number"],
        "amount": invoice["amount_due"],
        "currency": invoice["currency"],
        "lines": await _invoice_lines(conn, about["invoiceId"]),
        "url": invoice["hosted_invoice_url"],
        "next_attempt_at": invoice["next_payment_attempt_at"],
        "paid": invoice["status"] == "paid",
        "in_checkout": False,
    }


async def _of_session(conn: Connection, stripe_session_id: str) -> dict[str, Any]:
    session = await conn.fetchrow(
        """
        SELECT session.status, session.amount_total, session.currency, session.url, account.name
        FROM checkout_sessions AS session JOIN accounts AS account ON account.id = session.account_id
        WHERE session.stripe_session_id = $1
        """,
        stripe_session_id,
    )
    if session is None:
        raise NotFound("There is no such checkout session to write about.")
    lines = await conn.fetch(
        """
        SELECT coalesce(product.name, line.stripe_product_id) AS description, line.quantity,
               line.unit_amount * line.quantity AS amount, line.currency
        FROM checkout_lines AS line LEFT JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_session_id = $1 ORDER BY line.position
        """,
        stripe_session_id,
    )
    return {
        "name": session["name"],
        "number": None,
        "amount": session["amount_total"],
        "currency": session["currency"],
        "lines": [dict(line) for line in lines],
        "url": session["url"],
        "next_attempt_at": None,
        "paid": session["status"] == "complete",
        "in_checkout": True,
    }


async def _get_invoice(conn: Connection, stripe_invoice_id: str) -> asyncpg.Record:
    invoice = await conn.fetchrow(
        """
        SELECT invoice.*, account.name
        FROM invoices AS invoice LEFT JOIN accounts AS account ON account.id = invoice.account_id
        WHERE invoice.stripe_invoice_id = $1
        """,
        stripe_invoice_id,
    )
    if invoice is None:
        raise NotFound(f"There is no invoice {stripe_invoice_id} to write about.")
    return invoice


async def _invoice_lines(conn: Connection, stripe_invoice_id: str) -> list[dict[str, Any]]:
    rows = await conn.fetch(
        """
        SELECT coalesce(line.description, product.name, 'Item') AS description, line.quantity, line.amount,
               line.currency
        FROM invoice_lines AS line LEFT JOIN products AS product USING (stripe_product_id)
        WHERE line.stripe_invoice_id = $1 ORDER BY line.position
        """,
        stripe_invoice_id,
    )
    # Stripe's own descriptions of what renews say the quantity themselves: 3, a multiplication sign, the product.
    return [{**row, "quantity": None if " \u00d7 " in row["description"] else row["quantity"]} for row in rows]
