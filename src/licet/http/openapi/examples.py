"""Builds examples of bodies from the examples of their fields."""

from collections.abc import Mapping
from typing import Any

from licet.http.shapes import EXAMPLE_ID

Schema = Mapping[str, Any]


def example_of(schema: Schema, schemas: Schema) -> Any:
    """An example of a schema. schemas: the schemas that its `$ref`s name.

    It includes optional fields that have an example. Raises ValueError for a required field that has no example and
    whose type does not imply one.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(_named(schema, schemas), schemas)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _by_type(schema, schemas)


def alternatives(schema: Schema, schemas: Schema) -> dict[str, Any]:
    """An example of each body that a response can have, by the name of its schema."""
    bodies = schema.get("anyOf", [schema])
    return {_name(body, schemas): example_of(body, schemas) for body in bodies if body.get("type") != "null"}


def _by_type(schema: Schema, schemas: Schema) -> Any:
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            fields = schema.get("properties", {}).items()
            return {
                name: example_of(field, schemas) for name, field in fields if name in required or "examples" in field
            }
        case "array":
            return [example_of(schema["items"], schemas)]
        case "boolean":
            return schema.get("default", False)
        case "string" if schema.get("format") == "uuid":
            return EXAMPLE_ID
    raise ValueError(f"{schema.get('title', schema)} needs an example: Field(examples=[…])")


def _name(schema: Schema, schemas: Schema) -> str:
    resolved = _named(schema, schemas) if "$ref" in schema else schema
    return str(resolved.get("title", "Example"))


def _named(schema: Schema, schemas: Schema) -> Schema:
    named: Schema = schemas[schema["$ref"].rpartition("/")[2]]
    return named
