"""The data of `checkout.completed` and `invoice.paid`."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.db.connection import Connection
from licet.errors import NotFound
from licet.http.context import Context
from licet.http.shapes import At, ResponseBody
from licet.orders.invoice_store import find_invoice_account, find_invoice_summary
from licet.orders.schemas import Invoice
from licet.orders.store import get_order_record
from licet.outgoing_webhooks.payloads.store import find_order_buyer, list_order_licenses, list_undone_products


class PurchasedLine(ResponseBody):
    """One line of an order. `productId` and `productName` are null for an unknown Stripe product."""

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    quantity: int = Field(examples=[1])
    unit_amount: int = Field(description="In the currency's minor unit.", examples=[14900])


class PurchasedLicense(ResponseBody):
    """A license issued for the order. `activationsLimit` null: unlimited. `expiresAt` null: perpetual."""

    license_key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    activations_limit: int | None = Field(examples=[3])
    expires_at: At | None


class CheckoutCompleted(ResponseBody):
    """An order with its buyer and the license keys that were issued for it."""

    order_id: UUID
    customer_id: str | None = Field(
        description="The Stripe customer. Null for a guest for whom Stripe created none.", examples=["cus_1"]
    )
    customer_email: str | None = Field(
        description="The address given at the purchase, or else the account's, or else the Stripe customer's.",
        examples=["ada@example.com"],
    )
    amount: int = Field(description="The total, in the currency's minor unit.", examples=[14900])
    currency: str | None = Field(examples=["usd"])
    line_items: list[PurchasedLine]
    licenses: list[PurchasedLicense]


class InvoicePaid(Invoice):
    """A paid invoice with its account."""

    account_id: UUID | None = Field(description="Null if no account is known for the Stripe customer.")


async def completed_checkout(ctx: Context, conn: Connection, about: dict[str, Any]) -> CheckoutCompleted:
    """Read the data of `checkout.completed`. about: `{"orderId"}`. Raises NotFound.

    A duplicate plan that was undone is not listed.
    """
    order = await get_order_record(conn, UUID(about["orderId"]), account_id=None)
    customer_id, email = await find_order_buyer(conn, order.id)
    undone = await list_undone_products(conn, order.stripe_subscription_id)
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
            if item.product_id not in undone
        ],
        licenses=[
            PurchasedLicense(
                license_key=ctx.keyring.decrypt(row["key_encrypted"]),
                product_id=row["product_id"],
                activations_limit=row["activations_limit"],
                expires_at=row["expires_at"],
            )
            for row in await list_order_licenses(conn, order.id)
        ],
    )


async def paid_invoice(_: Context, conn: Connection, about: dict[str, Any]) -> InvoicePaid:
    """Read the data of `invoice.paid`. about: `{"invoiceId"}`. Raises NotFound."""
    invoice = await find_invoice_summary(conn, about["invoiceId"])
    if invoice is None:
        raise NotFound("There is no such invoice.")
    return InvoicePaid(**dict(invoice), account_id=await find_invoice_account(conn, invoice.id))
