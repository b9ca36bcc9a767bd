"""Compiles Stripe's OpenAPI document into JSON Schema validators, one layout per API version.

`jsonschema_rs` is loaded only when the first one is made.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from licet_sandbox.events.rendering import schemas_of
from licet_sandbox.spec.document import document


@cache
def schemas(version: str) -> dict[str, Any]:
    """The schemas of objects in a version's layout: the current ones with later changes undone."""
    return schemas_of(version, document().schemas)


_BASE = "urn:stripe"


def _plain(schema: Any) -> Any:
    """Converts OpenAPI 3.0 to JSON Schema: `nullable` becomes a choice with null, references get a base."""
    if isinstance(schema, list):
        return [_plain(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": _BASE + schema["$ref"]}
    made = {key: _plain(value) for key, value in schema.items() if not (key == "nullable" and value is True)}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


def _compile(schema: dict[str, Any], **options: Any) -> Any:
    import jsonschema_rs  # noqa: PLC0415  # A dependency of the tests alone.

    return jsonschema_rs.Draft202012Validator(schema, **options)


@cache
def object_validator(version: str) -> Any:
    """Validates `{schema name: object}`. One validator for all kinds: each keeps 13 MB of schemas."""
    import jsonschema_rs  # noqa: PLC0415  # A dependency of the tests alone.

    known = schemas(version)
    components = {**document().content["components"], "schemas": known}
    registry = jsonschema_rs.Registry([(_BASE, {"components": _plain(components)})])
    kinds = {kind: {"$ref": f"{_BASE}#/components/schemas/{kind}"} for kind in known}
    return _compile({"properties": kinds, "additionalProperties": False}, registry=registry)


@cache
def request_validator(name: str) -> Any:
    """Validates the parameters of one operation."""
    method, template = name.split(" ")
    found = document().find_operation(method, template)
    return _compile(_plain(found[0].schema) if found is not None else {})
