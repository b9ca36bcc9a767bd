"""The JSON shapes of licenses, their activations and their timeline."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from licet.http.shapes import At, ResponseBody
from licet.licenses.core import LicenseStatus


class License(ResponseBody):
    """A license. `expiresAt` is null for a perpetual license, `activationsLimit` is null for no limit."""

    id: UUID
    key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    product_name: str = Field(examples=["Shopify Connector"])
    status: LicenseStatus
    activations_count: int = Field(examples=[1])
    activations_limit: int | None = Field(examples=[3])
    expires_at: At | None
    created_at: At
    subscription_id: str | None = Field(
        description="Stripe's id of the subscription; null for a one-time purchase.", examples=["sub_1QxYz"]
    )
    order_id: UUID | None
    entitlements: list[Any] = Field(description="The product's features.", examples=[["Updates"]])


class Activation(ResponseBody):
    """A place where a license is in use. `domain` is any fingerprint: a host name, a machine id."""

    domain: str = Field(examples=["shop.example.com"])
    activated_at: At
    last_seen_at: At | None


class LicenseDetails(License):
    """A license with its activations."""

    activations: list[Activation]


class LicenseOfOrder(ResponseBody):
    """A license as listed with the order that it was bought with."""

    id: UUID
    key: str = Field(examples=["SHOP-7K2M-9QXD-3VTN-W8RB"])
    product_id: UUID
    status: LicenseStatus


class LicenseChange(ResponseBody):
    """One change of a license, with the value before and after it and its cause."""

    model_config = ConfigDict(title="LicenseChange")

    at: At
    change: str = Field(examples=["status"])
    from_: str | None = Field(serialization_alias="from", examples=["active"])
    to: str | None = Field(examples=["revoked"])
    because: dict[str, Any] = Field(
        description="The cause. kind: stripe_event, stripe_read, api_call, operator, catalog, rule or time. "
        "id: what to look it up by. reason: why the license changed.",
        examples=[{"kind": "stripe_event", "id": "evt_1", "reason": "refunded"}],
    )
