"""Bodies of the webhook endpoint routes, and the check of an endpoint's URL."""

from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from licet.config import Settings
from licet.errors import Unprocessable
from licet.http.shapes import At, MayBeLeftOut, RequestBody, ResponseBody
from licet.outbox.store import ALL_EVENTS, EventName
from licet.outgoing_webhooks.endpoint_store import EndpointRecord
from licet.outgoing_webhooks.retries import DisabledReason
from licet.outgoing_webhooks.transport.allowed_targets import AllowedTargets, RefusedTarget, check_target

MAX_EVENTS = 20


def _check_events(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("must not contain an event twice")
    if ALL_EVENTS in names and len(names) > 1:
        raise ValueError("must contain nothing else if it contains '*', which means all events")
    return names


_EVENTS_SCHEMA: dict[str, Any] = {
    "uniqueItems": True,
    "if": {"contains": {"const": ALL_EVENTS}},
    "then": {"maxItems": 1},
}
"""The rules of `_check_events`, for the OpenAPI document."""

Events: TypeAlias = Annotated[
    list[Literal[EventName, "*"]],
    AfterValidator(_check_events),
    Field(
        min_length=1,
        max_length=MAX_EVENTS,
        description='Names of events, or `["*"]` for all events, including those that later versions add.',
        examples=[["checkout.completed", "license.revoked"]],
        json_schema_extra=_EVENTS_SCHEMA,
    ),
]
Url: TypeAlias = Annotated[
    str,
    Field(
        description="A public https:// URL. `LICET_WEBHOOKS_ALLOW_PRIVATE` lists exceptions.",
        examples=["https://hooks.example.com/licet"],
    ),
]
Description: TypeAlias = Annotated[
    str, StringConstraints(max_length=500), Field(description="A note for people.", examples=["The shop's backend"])
]


class CreateWebhookEndpointRequest(RequestBody):
    """A new endpoint: its URL and the events that it receives."""

    url: Url
    events: Events
    description: Description | None = None


class UpdateWebhookEndpointRequest(RequestBody):
    """Fields that are left out do not change. Only `description` may be null."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    url: MayBeLeftOut[Url] = None
    events: MayBeLeftOut[Events] = None
    description: Description | None = None
    enabled: MayBeLeftOut[bool] = Field(
        None, description="true: enable and reset its failures. false: disable; it receives no events.", examples=[True]
    )
    rotate_secret: MayBeLeftOut[Literal[True]] = Field(
        None, description="Replace the secret. The response contains the new one; the old one also signs for 24 hours."
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must contain at least one field")
        return self


class InvalidWebhookUrl(Unprocessable):
    """A URL that webhooks are not sent to. `message` says why."""

    code = "invalid_webhook_url"


async def check_endpoint_url(settings: Settings, url: str) -> None:
    """Raise InvalidWebhookUrl unless the URL is allowed. Resolves the host: hold no connection."""
    try:
        await check_target(url, AllowedTargets.parse(settings.webhooks_allow_private))
    except RefusedTarget as error:
        raise InvalidWebhookUrl(str(error), details={"field": "url"}) from None


_SECRET = "whsec_" + "x" * 43 + "="


class WebhookEndpoint(ResponseBody):
    """An endpoint without its secret."""

    id: UUID
    url: str = Field(examples=["https://hooks.example.com/licet"])
    # No enumeration: events of a later version must not break a client, or another node, of this version.
    events: list[str] = Field(examples=[["checkout.completed", "license.revoked"]])
    description: str | None = Field(examples=["The shop's backend"])
    enabled: bool = Field(examples=[True])
    disabled_because: DisabledReason | None = Field(
        description="operator: disabled by an operator. failing: no success for three days. gone: it answered 410.",
        examples=[None],
    )
    failing_since: At | None = Field(description="The first failure after the last success.", examples=[None])
    created_at: At


class CreatedWebhookEndpoint(WebhookEndpoint):
    """An endpoint with its secret, which is returned only once."""

    secret: str = Field(examples=[_SECRET])


class UpdatedWebhookEndpoint(WebhookEndpoint):
    """An endpoint, with its new secret if it was rotated."""

    secret: str | None = Field(description="Null without `rotateSecret`. Returned only once.", examples=[_SECRET])


def endpoint_fields(endpoint: EndpointRecord) -> dict[str, Any]:
    """The fields that the three response bodies share."""
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
