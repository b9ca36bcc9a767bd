"""Copies Stripe invoices, their lines and their payments into the database.

Invoice lines carry the periods that were paid for. Invoice payments link a refund or dispute to its purchase.
"""

from licet.accounts.mirror import get_or_create_account
from licet.db.connection import Connection
from licet.kit.affected import Affected, ids
from licet.kit.stripe_objects import Paid, StripeObject, id_of, payment_of, subscription_of_invoice
from licet.kit.times import from_epoch, from_epoch_or_none
from licet.kit.versions import Rank, Version


async def mirror_invoice(conn: Connection, invoice: StripeObject, version: Version) -> Affected:
    """Insert or update an invoice with its lines; delete it if it was deleted.

    If `has_more` cuts the lines off, request a read.
    """
    invoice_id: str = invoice["id"]
    if version.rank is Rank.DELETED:
        return await _delete_invoice(conn, invoice_id)
    if invoice["lines"].get("has_more"):
        return Affected(reads=frozenset({("invoice", invoice_id)}))
    customer_id = id_of(invoice.get("customer"))
    account_id, reads = (
        await get_or_create_account(conn, customer_id, version.time) if customer_id else (None, frozenset())
    )
    subscription_id = subscription_of_invoice(invoice)
    await conn.execute(
        """
        INSERT INTO invoices (
            stripe_invoice_id, account_id, stripe_customer_id, stripe_subscription_id, number, status, billing_reason,
            currency, total, amount_due, amount_paid, attempt_count, next_payment_attempt_at, hosted_invoice_url,
            invoice_pdf, customer_email, created_at, period_start_at, period_end_at, paid_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (stripe_invoice_id) DO UPDATE SET
            stripe_subscription_id = excluded.stripe_subscription_id, number = excluded.number,
            status = excluded.status, total = excluded.total, amount_due = excluded.amount_due,
            amount_paid = excluded.amount_paid, attempt_count = excluded.attempt_count,
            next_payment_attempt_at = excluded.next_payment_attempt_at,
            hosted_invoice_url = excluded.hosted_invoice_url, invoice_pdf = excluded.invoice_pdf,
            customer_email = excluded.customer_email, period_start_at = excluded.period_start_at,
            period_end_at = excluded.period_end_at, paid_at = excluded.paid_at
        """,
        invoice_id,
        account_id,
        customer_id,
        subscription_id,
        invoice.get("number"),
        # Stripe's description allows null.
        invoice["status"] or "draft",
        invoice.get("billing_reason"),
        invoice["currency"],
        invoice["total"],
        invoice["amount_due"],
        invoice["amount_paid"],
        invoice["attempt_count"],
        from_epoch_or_none(invoice.get("next_payment_attempt")),
        invoice.get("hosted_invoice_url"),
        invoice.get("invoice_pdf"),
        invoice.get("customer_email"),
        from_epoch(invoice["created"]),
        from_epoch(invoice["period_start"]),
        from_epoch(invoice["period_end"]),
        from_epoch_or_none((invoice.get("status_transitions") or {}).get("paid_at")),
    )
    await _replace_lines(conn, invoice_id, invoice["lines"]["data"])
    affected = Affected(account_id, invoices=ids(invoice_id), subscriptions=ids(subscription_id), reads=reads)
    for payment in (invoice.get("payments") or {}).get("data", []):
        affected |= await mirror_invoice_payment(conn, payment, version)
    return affected


async def _delete_invoice(conn: Connection, stripe_invoice_id: str) -> Affected:
    """Delete an invoice that Stripe has no more. Stripe deletes only drafts; a paid one stays."""
    invoice = await conn.fetchrow(
        """
        SELECT account_id, stripe_subscription_id FROM invoices
        WHERE stripe_invoice_id = $1 AND status <> 'paid' FOR UPDATE
        """,
        stripe_invoice_id,
    )
    if invoice is None:
        return Affected()
    await conn.execute("DELETE FROM invoice_lines WHERE stripe_invoice_id = $1", stripe_invoice_id)
    await conn.execute("DELETE FROM invoices WHERE stripe_invoice_id = $1", stripe_invoice_id)
    return Affected(invoice["account_id"], subscriptions=ids(invoice["stripe_subscription_id"]))


async def mirror_invoice_payment(conn: Connection, payment: StripeObject, _version: Version) -> Affected:
    """Insert or update the link from a payment to its invoice. Refunds and disputes are found by it."""
    payment_intent_id, charge_id = payment_of(payment)
    invoice_id = id_of(payment["invoice"])
    await conn.execute(
        "DELETE FROM invoice_payments WHERE stripe_invoice_payment_id = $1",
        _provisional_id(invoice_id, payment_intent_id, charge_id),
    )
    await conn.execute(
        """
        INSERT INTO invoice_payments (stripe_invoice_payment_id, stripe_invoice_id, stripe_payment_intent_id,
                                      stripe_charge_id, status, amount_paid, currency)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (stripe_invoice_payment_id) DO UPDATE SET
            status = excluded.status, amount_paid = excluded.amount_paid,
            stripe_payment_intent_id = excluded.stripe_payment_intent_id, stripe_charge_id = excluded.stripe_charge_id
        """,
        payment["id"],
        invoice_id,
        payment_intent_id,
        charge_id,
        payment["status"],
        payment.get("amount_paid"),
        payment["currency"],
    )
    return Affected(invoices=ids(invoice_id), payment_intents=ids(payment_intent_id), charges=ids(charge_id))


async def link_payment(conn: Connection, paid: Paid) -> Affected:
    """Insert a link from a payment to its invoice that an older API version reports.

    Older versions report it inside another object. It has a provisional id until Stripe's own invoice payment arrives.
    """
    await conn.execute(
        """
        INSERT INTO invoice_payments (stripe_invoice_payment_id, stripe_invoice_id, stripe_payment_intent_id,
                                      stripe_charge_id, status, amount_paid, currency)
        SELECT $1, $2, $3, $4, 'paid', $5, $6
        WHERE NOT EXISTS (SELECT 1 FROM invoice_payments WHERE stripe_invoice_id = $2
                              AND (stripe_payment_intent_id = $3 OR stripe_charge_id = $4))
        """,
        _provisional_id(paid.invoice_id, paid.payment_intent_id, paid.charge_id),
        paid.invoice_id,
        paid.payment_intent_id,
        paid.charge_id,
        paid.amount,
        paid.currency,
    )
    return Affected(
        invoices=ids(paid.invoice_id), payment_intents=ids(paid.payment_intent_id), charges=ids(paid.charge_id)
    )


def _provisional_id(invoice_id: str | None, payment_intent_id: str | None, charge_id: str | None) -> str:
    """The id of a payment link until Stripe's id of it is known."""
    return f"{invoice_id}:{payment_intent_id or charge_id}"


async def _replace_lines(conn: Connection, stripe_invoice_id: str, lines: list[StripeObject]) -> None:
    await conn.execute("DELETE FROM invoice_lines WHERE stripe_invoice_id = $1", stripe_invoice_id)
    await conn.executemany(
        """
        INSERT INTO invoice_lines (
            stripe_invoice_id, position, stripe_invoice_line_id, stripe_subscription_id, stripe_subscription_item_id,
            stripe_price_id, stripe_product_id, description, quantity, amount, currency, proration, credits,
            period_start_at, period_end_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        [(stripe_invoice_id, position, *_line_values(line)) for position, line in enumerate(lines)],
    )


def _line_values(line: StripeObject) -> tuple[object, ...]:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    price = (line.get("pricing") or {}).get("price_details") or {}
    return (
        line["id"],
        id_of(details.get("subscription")),
        id_of(details.get("subscription_item")),
        id_of(price.get("price")),
        id_of(price.get("product")),
        line.get("description"),
        line.get("quantity"),
        line["amount"],
        line["currency"],
        bool(details.get("proration")),
        bool((details.get("proration_details") or {}).get("credited_items")),
        from_epoch(line["period"]["start"]),
        from_epoch(line["period"]["end"]),
    )
