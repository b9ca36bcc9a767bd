"""The outgoing webhooks in the OpenAPI document, under `webhooks`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from licet.http.openapi.examples import example_of

_TEMPLATE = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Webhook:
    """An outgoing webhook, which is a POST.

    operation: the OpenAPI operation without its body. example: values of the body's example that replace the examples
    of its fields.
    """

    name: str
    body: type[BaseModel]
    operation: Mapping[str, Any]
    example: Mapping[str, Any] = field(default_factory=dict)


def add_webhooks(document: dict[str, Any], webhooks: Sequence[Webhook]) -> None:
    """Adds the webhooks and the schemas of their bodies to an OpenAPI document.

    Raises ValueError if two different schemas have the same name.
    """
    bodies, definitions = models_json_schema(
        [(webhook.body, "serialization") for webhook in webhooks], ref_template=_TEMPLATE
    )
    schemas = document["components"]["schemas"]
    for name, schema in definitions.get("$defs", {}).items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two bodies are called {name}: rename one of their classes")
    document["webhooks"] = {
        webhook.name: {"post": {**webhook.operation, "requestBody": _body(webhook, schema, schemas)}}
        for webhook, schema in zip(webhooks, bodies.values(), strict=True)
    }


def _body(webhook: Webhook, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    example = _replace(example_of(schema, schemas), webhook.example)
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _replace(example: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The example with some of its values replaced, also in nested objects."""
    replaced = {
        name: _replace(example[name], value) if isinstance(value, Mapping) else value for name, value in values.items()
    }
    return {**example, **replaced}
