"""A payment method as the API returns it."""

from pydantic import Field

from licet.http.shapes import ResponseBody
from licet.payment_methods.store import PaymentMethodRecord


class PaymentMethod(ResponseBody):
    """A payment method. `brand`, `last4` and the expiry are null for types that have none."""

    id: str = Field(examples=["pm_1QxYz"])
    type: str = Field(examples=["card"])
    brand: str | None = Field(examples=["visa"])
    last4: str | None = Field(examples=["4242"])
    expiry_month: int | None = Field(examples=[12])
    expiry_year: int | None = Field(examples=[2034])
    is_default: bool = Field(description="Whether the next renewal is charged to it.", examples=[True])


def payment_method_response(method: PaymentMethodRecord) -> PaymentMethod:
    """Convert a record to the API's shape."""
    return PaymentMethod(
        id=method.stripe_payment_method_id,
        type=method.type,
        brand=method.brand,
        last4=method.last4,
        expiry_month=method.exp_month,
        expiry_year=method.exp_year,
        is_default=method.is_default,
    )
