"""Examples of whole bodies, put together from those of their fields: so each is told once, beside its field."""

from collections.abc import Mapping
from typing import Any

from licet.http.shapes import EXAMPLE_ID

Schema = Mapping[str, Any]


def example_of(schema: Schema, schemas: Schema) -> Any:
    """A value that fits. schemas: what its `$ref`s name.

    An optional field is in it where it has an example of its own. Raises ValueError for a field without one whose
    type suggests none.
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
    """An example of each of the bodies that an answer may have, by name."""
    each = schema.get("anyOf", [schema])
    return {_name(one, schemas): example_of(one, schemas) for one in each if one.get("type") != "null"}


def _by_type(schema: Schema, schemas: Schema) -> Any:
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            fields = schema.get("properties", {}).items()
            return {name: example_of(one, schemas) for name, one in fields if name in required or "examples" in one}
        case "array":
            return [example_of(schema["items"], schemas)]
        case "boolean":
            return schema.get("default", False)
        case "string" if schema.get("format") == "uuid":
            return EXAMPLE_ID
    raise ValueError(f"{schema.get('title', schema)} needs an example: Field(examples=[…])")


def _name(schema: Schema, schemas: Schema) -> str:
    found = _named(schema, schemas) if "$ref" in schema else schema
    return str(found.get("title", "Example"))


def _named(schema: Schema, schemas: Schema) -> Schema:
    named: Schema = schemas[schema["$ref"].rpartition("/")[2]]
    return named
