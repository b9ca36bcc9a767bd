"""The calls that we make, as `/openapi.json` tells of them: its `webhooks`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from licet.http.openapi.examples import example_of

_TEMPLATE = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Webhook:
    """One such call, a POST.

    operation: OpenAPI's, but for its body. example: of the body, what the examples of its fields do not say rightly.
    """

    name: str
    body: type[BaseModel]
    operation: Mapping[str, Any]
    example: Mapping[str, Any] = field(default_factory=dict)


def add_webhooks(document: dict[str, Any], webhooks: Sequence[Webhook]) -> None:
    """Puts them and the schemas of their bodies into a description.

    Raises ValueError where one of their schemas is called as another one is.
    """
    bodies, definitions = models_json_schema(
        [(webhook.body, "serialization") for webhook in webhooks], ref_template=_TEMPLATE
    )
    schemas = document["components"]["schemas"]
    for name, schema in definitions.get("$defs", {}).items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two bodies are called {name}: give one of their classes another name")
    document["webhooks"] = {
        webhook.name: {"post": {**webhook.operation, "requestBody": _body(webhook, schema, schemas)}}
        for webhook, schema in zip(webhooks, bodies.values(), strict=True)
    }


def _body(webhook: Webhook, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    example = _with(example_of(schema, schemas), webhook.example)
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _with(example: Mapping[str, Any], better: Mapping[str, Any]) -> dict[str, Any]:
    """The example with some of its values replaced, also within those that are objects themselves."""
    put = {name: _with(example[name], value) if isinstance(value, Mapping) else value for name, value in better.items()}
    return {**example, **put}
