"""An endpoint as operators see it."""

from typing import Any
from uuid import UUID

from pydantic import Field

from licet.deliveries.core import Because
from licet.deliveries.store import Endpoint
from licet.http.shapes import At, Shown

_SECRET = "whsec_" + "x" * 43 + "="


class ShownWebhookEndpoint(Shown):
    """An endpoint without its secret."""

    id: UUID
    url: str = Field(examples=["https://hooks.example.com/licet"])
    # No enumeration: a later version's events must neither break a client of this one, nor a node beside it.
    events: list[str] = Field(examples=[["checkout.completed", "license.revoked"]])
    description: str | None = Field(examples=["The shop's backend"])
    enabled: bool = Field(examples=[True])
    disabled_because: Because | None = Field(
        description="asked: an operator did. failing: three days without a success. gone: it answered 410.",
        examples=[None],
    )
    failing_since: At | None = Field(description="The first failure after the last success.", examples=[None])
    created_at: At


class MadeWebhookEndpoint(ShownWebhookEndpoint):
    """With the secret that signs, which is shown this once."""

    secret: str = Field(examples=[_SECRET])


class ChangedWebhookEndpoint(ShownWebhookEndpoint):
    """With the secret, where it was just rotated."""

    secret: str | None = Field(description="Null, but for `rotateSecret`; shown this once.", examples=[_SECRET])


def fields(endpoint: Endpoint) -> dict[str, Any]:
    """What any of the three shows of an endpoint."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": endpoint.events,
        "description": endpoint.description,
        "enabled": endpoint.disabled_because is None,
        "disabled_because": endpoint.disabled_because,
        "failing_since": endpoint.failing_since,
        "created_at": endpoint.created_at,
    }
