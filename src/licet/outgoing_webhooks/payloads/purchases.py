"""What is told of money that came: an order with its license keys, an invoice."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.orders.shown import get_order
from licet.orders.shown_invoices import Invoice, find_invoice_in_short


class PurchasedLine(ResponseBody):
    """One line of what was bought. `productId` and `productName` are null where we never heard of Stripe's product."""

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    quantity: int = Field(examples=[1])
    unit_amount: int = Field(description="In the currency's minor unit.", examples=[14900])


class PurchasedLicense(ResponseBody):
    """One license that came of it. `activationsLimit` null is without limit; `expiresAt` null is perpetual."""

    license_key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    activations_limit: int | None = Field(examples=[3])
    expires_at: At | None


class CheckoutCompleted(ResponseBody):
    """What was bought, by whom, and the keys that came of it."""

    order_id: UUID
    customer_id: str | None = Field(description="Stripe's; null for a guest, of whom it made none.", examples=["cus_1"])
    customer_email: str | None = Field(
        description="The one given at the purchase, else the account's, else its customer's.",
        examples=["ada@example.com"],
    )
    amount: int = Field(description="Of all of it, in the currency's minor unit.", examples=[14900])
    currency: str | None = Field(examples=["usd"])
    line_items: list[PurchasedLine]
    licenses: list[PurchasedLicense]


class InvoicePaid(Invoice):
    """An invoice that is paid, and whose it is."""

    account_id: UUID | None = Field(description="Null where its customer is nobody's that we know.")


async def completed_checkout(ctx: Context, conn: Connection, about: dict[str, Any]) -> CheckoutCompleted:
    """about: `{"orderId"}`. Raises NotFound where there is no such order."""
    order = await get_order(conn, UUID(about["orderId"]), account_id=None)
    customer_id, email = await _buyer(conn, order.id)
    return CheckoutCompleted(
        order_id=order.id,
        customer_id=customer_id,
        customer_email=email,
        amount=order.amount,
        currency=order.currency,
        line_items=[
            PurchasedLine(
                product_id=item.product_id,
                product_name=item.product_name,
                quantity=item.quantity,
                unit_amount=item.unit_amount,
            )
            for item in order.items
        ],
        licenses=await _licenses(ctx, conn, order.id),
    )


async def _buyer(conn: Connection, order_id: UUID) -> tuple[str | None, str | None]:
    """Stripe's customer, and where a mail reaches the buyer (as `notifications/recipients.py` has it)."""
    row = await conn.fetchrow(
        """
        SELECT who.customer_id, coalesce(session.customer_email, account.email, customer.email) AS email
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN accounts AS account ON account.id = orders.account_id
        CROSS JOIN LATERAL (
            SELECT coalesce(session.stripe_customer_id, account.stripe_customer_id) AS customer_id) AS who
        LEFT JOIN customers AS customer ON customer.stripe_customer_id = who.customer_id
        WHERE orders.id = $1
        """,
        order_id,
    )
    return (row["customer_id"], row["email"]) if row else (None, None)


async def _licenses(ctx: Context, conn: Connection, order_id: UUID) -> list[PurchasedLicense]:
    """Those that the welcome letter names: of its lines and of its subscription, but for spare units."""
    rows = await conn.fetch(
        """
        SELECT license.key_encrypted, license.product_id, license.activations_limit, license.expires_at
        FROM orders JOIN checkout_sessions AS session USING (stripe_session_id)
        JOIN licenses AS license
            ON license.stripe_session_id = session.stripe_session_id
            OR license.stripe_subscription_id = session.stripe_subscription_id
        WHERE orders.id = $1 AND license.wanted ORDER BY license.created_at, license.id
        """,
        order_id,
    )
    return [
        PurchasedLicense(
            license_key=ctx.keyring.decrypt(row["key_encrypted"]),
            product_id=row["product_id"],
            activations_limit=row["activations_limit"],
            expires_at=row["expires_at"],
        )
        for row in rows
    ]


async def paid_invoice(_: Context, conn: Connection, about: dict[str, Any]) -> InvoicePaid:
    """about: `{"invoiceId"}`. Raises NotFound where there is no such invoice."""
    invoice = await find_invoice_in_short(conn, about["invoiceId"])
    if invoice is None:
        raise NotFound("There is no such invoice.")
    account_id = await conn.fetchval("SELECT account_id FROM invoices WHERE stripe_invoice_id = $1", invoice.id)
    return InvoicePaid(**dict(invoice), account_id=account_id)
