"""Template data of receipts and payment-failed emails, read when the email is sent or shown."""

from typing import Any

import asyncpg

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.errors import NotFound
from licet.orders.invoice_store import find_invoice_for_email, list_invoice_lines_for_email
from licet.orders.store import find_session_for_email, list_session_lines_for_email


async def gather_receipt(conn: Connection, _: Keyring, about: dict[str, Any]) -> dict[str, Any]:
    """Return the data of the receipt. about: `{"invoiceId"}`. Raises NotFound for an unknown invoice.

    Shape: `{name, number, paid_at, total, amount_paid, currency, lines, invoice_url, invoice_pdf}`.
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
    """Return the data of the payment-failed email: an invoice's or a checkout session's.

    about: `{"invoiceId", "attempt"}` for a renewal, `{"sessionId"}` for a payment on the checkout page.
    Shape: `{name, number, amount, currency, lines, url, next_attempt_at, paid, in_checkout}`; `url` is where to pay.
    Raises NotFound for an unknown invoice or session.
    """
    if "sessionId" in about:
        return await _gather_session(conn, about["sessionId"])
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


async def _gather_session(conn: Connection, stripe_session_id: str) -> dict[str, Any]:
    session = await find_session_for_email(conn, stripe_session_id)
    if session is None:
        raise NotFound("This email is about a checkout session that no longer exists.")
    return {
        "name": session["name"],
        "number": None,
        "amount": session["amount_total"],
        "currency": session["currency"],
        "lines": await list_session_lines_for_email(conn, stripe_session_id),
        "url": session["url"],
        "next_attempt_at": None,
        "paid": session["status"] == "complete",
        "in_checkout": True,
    }


async def _get_invoice(conn: Connection, stripe_invoice_id: str) -> asyncpg.Record:
    invoice = await find_invoice_for_email(conn, stripe_invoice_id)
    if invoice is None:
        raise NotFound(f"This email is about the invoice {stripe_invoice_id}, which no longer exists.")
    return invoice


async def _invoice_lines(conn: Connection, stripe_invoice_id: str) -> list[dict[str, Any]]:
    lines = await list_invoice_lines_for_email(conn, stripe_invoice_id)
    # Stripe's descriptions of subscription lines already contain the quantity: "3 \u00d7 Connector".
    return [{**line, "quantity": None if " \u00d7 " in line["description"] else line["quantity"]} for line in lines]
