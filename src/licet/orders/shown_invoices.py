# ruff: noqa: S608 - what is put into the statements are the constants below
"""An invoice as its payer sees it: served from our mirror, so that it is there when Stripe is not."""

from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.http.shapes import At, ResponseBody
from licet.kit.pages import Page


class Invoice(ResponseBody):
    """An invoice. Amounts are in the currency's minor unit; `id`, `number` and the links are Stripe's."""

    id: str = Field(examples=["in_1QxYz"])
    number: str | None = Field(description="Null as long as it is a draft.", examples=["A1B2C3D4-0001"])
    status: str = Field(description="draft, open, paid, void or uncollectible.", examples=["paid"])
    amount_due: int = Field(examples=[14900])
    amount_paid: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])
    created_at: At
    period_start: At
    period_end: At
    subscription_id: str | None = Field(description="Null for what was bought once.", examples=["sub_1QxYz"])
    hosted_invoice_url: str | None = Field(
        description="Where it is shown and can be paid; null as long as it is a draft.",
        examples=["https://invoice.stripe.com/i/acct_1/test_YWNjdA"],
    )
    invoice_pdf: str | None = Field(examples=["https://pay.stripe.com/invoice/acct_1/test_YWNjdA/pdf"])


class InvoiceLine(ResponseBody):
    """One line. `productId` is null where the catalogue does not know the product, or there is none."""

    description: str | None = Field(examples=["1 x Shopify Connector (at $149.00 / month)"])
    product_id: UUID | None
    price_id: str | None = Field(examples=["price_1QxYz"])
    quantity: int | None = Field(examples=[1])
    amount: int = Field(description="In the currency's minor unit; negative is a credit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    proration: bool = Field(description="Whether it makes up for a change within a period.")
    period_start: At
    period_end: At


class InvoiceDetails(Invoice):
    """An invoice with its lines, in Stripe's order."""

    lines: list[InvoiceLine]


_COLUMNS = """
    stripe_invoice_id AS id, number, status, amount_due, amount_paid, currency, created_at,
    period_start_at AS period_start, period_end_at AS period_end, stripe_subscription_id AS subscription_id,
    hosted_invoice_url, invoice_pdf"""


async def list_invoices(
    conn: Connection, page: Page, *, account_id: UUID | None, status: str | None, subscription_id: str | None
) -> tuple[list[Invoice], int]:
    """A page of invoices, the newest first, and how many there are. account_id None: everybody's."""
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
    """An account's newest invoices."""
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
    """One invoice with its lines; None for another account's, and for one that was not mirrored."""
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


async def find_invoice_in_short(conn: Connection, stripe_invoice_id: str) -> Invoice | None:
    """One invoice without its lines."""
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
