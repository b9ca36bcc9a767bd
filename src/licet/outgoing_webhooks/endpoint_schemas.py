"""What an operator says of an endpoint, and where none may be."""

from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from licet.config import Settings
from licet.errors import Unprocessable
from licet.http.shapes import At, MayBeLeftOut, RequestBody, ResponseBody
from licet.outbox import EVERYTHING, EventName
from licet.outgoing_webhooks.core import Because
from licet.outgoing_webhooks.endpoint_store import EndpointRecord
from licet.outgoing_webhooks.transport.allowed_targets import Allowed, RefusedTarget, check_target

MOST_EVENTS = 20


def _events(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("must not name an event twice")
    if EVERYTHING in names and len(names) > 1:
        raise ValueError("must hold '*' alone, for it means all events")
    return names


_AS_SCHEMA: dict[str, Any] = {
    "uniqueItems": True,
    "if": {"contains": {"const": EVERYTHING}},
    "then": {"maxItems": 1},
}
"""What `_events` holds, for the description."""

Events: TypeAlias = Annotated[
    list[Literal[EventName, "*"]],
    AfterValidator(_events),
    Field(
        min_length=1,
        max_length=MOST_EVENTS,
        description='By name, or `["*"]`: all events, also those that come with later versions.',
        examples=[["checkout.completed", "license.revoked"]],
        json_schema_extra=_AS_SCHEMA,
    ),
]
Url: TypeAlias = Annotated[
    str,
    Field(
        description="https://, and public; `LICET_WEBHOOKS_ALLOW_PRIVATE` says what else may be.",
        examples=["https://hooks.example.com/licet"],
    ),
]
Description: TypeAlias = Annotated[
    str, StringConstraints(max_length=500), Field(description="For people.", examples=["The shop's backend"])
]


class CreateWebhookEndpointRequest(RequestBody):
    """Where it listens, and for what."""

    url: Url
    events: Events
    description: Description | None = None


class UpdateWebhookEndpointRequest(RequestBody):
    """What is left out stays as it is; `description` alone may be null."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    url: MayBeLeftOut[Url] = None
    events: MayBeLeftOut[Events] = None
    description: Description | None = None
    enabled: MayBeLeftOut[bool] = Field(
        None, description="true: also as one that never failed. false: it is told nothing any more.", examples=[True]
    )
    rotate_secret: MayBeLeftOut[Literal[True]] = Field(
        None, description="Another secret, which is in the answer; the one before signs too for 24 hours."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name what is to change")
        return self


class InvalidWebhookUrl(Unprocessable):
    """An address that nothing is sent to; `message` says why."""

    code = "invalid_webhook_url"


async def check_url(settings: Settings, url: str) -> None:
    """Let the address pass, its name looked up, or raise InvalidWebhookUrl. To be called with no connection held."""
    try:
        await check_target(url, Allowed.parse(settings.webhooks_allow_private))
    except RefusedTarget as refused:
        raise InvalidWebhookUrl(str(refused), details={"field": "url"}) from None


_SECRET = "whsec_" + "x" * 43 + "="


class WebhookEndpoint(ResponseBody):
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


class CreatedWebhookEndpoint(WebhookEndpoint):
    """With the secret that signs, which is shown this once."""

    secret: str = Field(examples=[_SECRET])


class UpdatedWebhookEndpoint(WebhookEndpoint):
    """With the secret, where it was just rotated."""

    secret: str | None = Field(description="Null, but for `rotateSecret`; shown this once.", examples=[_SECRET])


def fields(endpoint: EndpointRecord) -> dict[str, Any]:
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
