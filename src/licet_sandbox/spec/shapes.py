"""Creates objects in Stripe's exact shape, with every field that Stripe always returns."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

from licet_sandbox.ids import new_id
from licet_sandbox.spec.document import Schema, document, examples

Obj = dict[str, Any]

# `...` copies to itself, which an `object()` does not.
_MISSING: Any = ...


def new(kind: str, **fields: Any) -> Obj:
    """A new object of this kind. Raises KeyError for an unknown field, or a missing one without a default."""
    shape = _shape(kind)
    unknown = fields.keys() - shape.known
    if unknown:
        raise KeyError(f"{kind} has no {sorted(unknown)}")
    copied = {key: copy.deepcopy(value) for key, value in shape.nested if key not in fields}
    made = {**shape.blank, **copied, **fields}
    if made.get("id", "") is _MISSING:
        made["id"] = new_id(kind)
    absent = [key for key in shape.required if made[key] is _MISSING]
    if absent:
        raise KeyError(f"{kind} needs {absent}")
    return made


@dataclass(frozen=True)
class _Shape:
    """The template of a new object of one kind.

    blank: every field that is always present, in Stripe's order; nested: those that must be copied
    required: those without a default; known: all fields that it may have
    """

    blank: Obj
    nested: list[tuple[str, Any]]
    required: list[str]
    known: frozenset[str]


@cache
def _shape(kind: str) -> _Shape:
    blank = _blank(kind)
    return _Shape(
        blank,
        nested=[(key, value) for key, value in blank.items() if isinstance(value, (dict, list))],
        required=[key for key, value in blank.items() if value is _MISSING],
        known=frozenset(document().schemas[kind]["properties"]) | {"_"},
    )


def empty_list(url: str) -> Obj:
    """An empty list object."""
    return {"object": "list", "data": [], "has_more": False, "url": url}


def public(obj: Obj) -> Obj:
    """The object as Stripe returns it: without `_`, where the sandbox keeps private data."""
    return {key: value for key, value in obj.items() if key != "_"}


def _blank(kind: str) -> Obj:
    schema = document().schemas[kind]
    properties, required = schema["properties"], schema.get("required", [])
    example = examples().get(kind, {})
    keys = [key for key in properties if key in required or (key in example and properties[key].get("nullable"))]
    # A list that is included only with `expand[]`, such as `charge.refunds`, is left out.
    return {key: _default(properties[key]) for key in keys if key in required or "data" not in _fields(properties[key])}


def _fields(schema: Schema) -> dict[str, Any]:
    found: dict[str, Any] = schema.get("properties", {})
    return found


def _default(schema: Schema) -> Any:  # noqa: PLR0911  # One line per type is the clearest form.
    if schema.get("nullable"):
        return None
    if len(schema.get("enum", [])) == 1:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return []
    if kind == "boolean":
        return False
    if kind == "integer" and schema.get("format") != "unix-time":
        return 0
    if kind == "object" and "data" not in _fields(schema):
        inner = {key: _default(_fields(schema)[key]) for key in schema.get("required", [])}
        return _MISSING if _MISSING in inner.values() else inner
    return _MISSING
