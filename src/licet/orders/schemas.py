"""Order items and invoices as the API returns them."""

from uuid import UUID

from pydantic import Field

from licet.http.shapes import At, ResponseBody


class OrderItem(ResponseBody):
    """One line of an order. `productId` and `productName` are null for an unknown Stripe product."""

    product_id: UUID | None
    product_name: str | None = Field(examples=["Shopify Connector"])
    price_id: str = Field(examples=["price_1QxYz"])
    quantity: int = Field(examples=[1])
    unit_amount: int = Field(description="In the currency's minor unit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    interval: str | None = Field(description="day, week, month or year. Null for a one-time price.", examples=["month"])


class Invoice(ResponseBody):
    """An invoice. Amounts are in the currency's minor unit; `id`, `number` and URLs are Stripe's."""

    id: str = Field(examples=["in_1QxYz"])
    number: str | None = Field(description="Null while the invoice is a draft.", examples=["A1B2C3D4-0001"])
    status: str = Field(description="draft, open, paid, void or uncollectible.", examples=["paid"])
    amount_due: int = Field(examples=[14900])
    amount_paid: int = Field(examples=[14900])
    currency: str = Field(examples=["usd"])
    created_at: At
    period_start: At
    period_end: At
    subscription_id: str | None = Field(description="Null for a one-time purchase.", examples=["sub_1QxYz"])
    hosted_invoice_url: str | None = Field(
        description="Stripe's page that shows the invoice and takes payment. Null while the invoice is a draft.",
        examples=["https://invoice.stripe.com/i/acct_1/test_YWNjdA"],
    )
    invoice_pdf: str | None = Field(examples=["https://pay.stripe.com/invoice/acct_1/test_YWNjdA/pdf"])


class InvoiceLine(ResponseBody):
    """One invoice line. `productId` is null without a product that the catalogue knows."""

    description: str | None = Field(examples=["1 x Shopify Connector (at $149.00 / month)"])
    product_id: UUID | None
    price_id: str | None = Field(examples=["price_1QxYz"])
    quantity: int | None = Field(examples=[1])
    amount: int = Field(description="In the currency's minor unit. Negative for a credit.", examples=[14900])
    currency: str = Field(examples=["usd"])
    proration: bool = Field(description="Whether the line adjusts for a change within a billing period.")
    period_start: At
    period_end: At


class InvoiceDetails(Invoice):
    """An invoice with its lines, in Stripe's order."""

    lines: list[InvoiceLine]
