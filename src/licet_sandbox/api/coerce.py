"""Converts form strings into the types of the OpenAPI document, or raises Stripe's error."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import StripeError, empty, invalid

if TYPE_CHECKING:
    from licet_sandbox.api.form import Tree
    from licet_sandbox.spec.document import Schema

# Stripe accepts at most twelve decimal places.
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?")
# As many digits as the largest timestamp. Amounts have fewer, so their sums fit into SQLite's integers.
_MAX_DIGITS = 12
# In the year 5138. A date computed from it, such as a century of phases later, is still valid.
_MAX_TIMESTAMP = 99_999_999_999


def coerce(schema: Schema, raw: Tree | str, name: str = "") -> Any:
    """`raw` as a value of this schema.

    name: full name of the parameter, such as `line_items[0][price]`
    """
    if "anyOf" in schema:
        return _any_of(schema["anyOf"], raw, name)
    if schema.get("type") == "object":
        return _object(schema, raw, name)
    if schema.get("type") == "array":
        return _array(schema, raw, name)
    if isinstance(raw, dict):
        raise invalid(f"Invalid {schema.get('type', 'string')}: {name}", param=name)
    return _SCALARS[schema.get("type", "string")](schema, raw, name)


def _any_of(variants: list[Schema], raw: Tree | str, name: str) -> Any:
    """The value in the first variant that accepts it; else the error of the first variant."""
    if raw == "" and any(variant.get("enum") == [""] for variant in variants):
        return ""
    errors: list[StripeError] = []
    for variant in variants:
        if variant.get("enum") == [""] or isinstance(raw, dict) != (variant.get("type") in {"object", "array"}):
            continue
        try:
            return coerce(variant, raw, name)
        except StripeError as error:
            errors.append(error)
    raise errors[0] if errors else invalid(f"Invalid value for {name}", param=name)


def _object(schema: Schema, raw: Tree | str, name: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        if raw == "" and not schema.get("required"):
            return {}
        raise invalid("Invalid object", param=name)
    if "properties" not in schema:
        return _map(schema, raw, name)
    properties: dict[str, Schema] = schema["properties"]
    unknown = [_inner(name, key) for key in raw if key not in properties]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise invalid(message, param=unknown[0], code="parameter_unknown")
    for key in schema.get("required", []):
        if key not in raw:
            missing = _inner(name, key)
            raise invalid(f"Missing required param: {missing}.", param=missing, code="parameter_missing")
    return {key: coerce(properties[key], value, _inner(name, key)) for key, value in raw.items()}


def _map(schema: Schema, raw: Tree, name: str) -> dict[str, Any]:
    values = schema.get("additionalProperties", {})
    made = {key: coerce(values, value, _inner(name, key)) for key, value in raw.items()}
    if name.endswith(("metadata", "metadata]")):
        _check_metadata(made, name)
    return made


def _check_metadata(values: dict[str, str], name: str) -> None:
    if len(values) > 50:
        raise invalid("You can have up to 50 metadata keys.", param=name)
    for key, value in values.items():
        if len(key) > 40:
            raise invalid(f"Metadata keys can be up to 40 characters long: {key[:60]}", param=name)
        if "[" in key or "]" in key:
            raise invalid(f"Metadata keys can't have square brackets: {key}", param=name)
        if len(value) > 500:
            raise invalid("Metadata values can have up to 500 characters.", param=_inner(name, key))


def _array(schema: Schema, raw: Tree | str, name: str) -> list[Any]:
    if raw == "":
        return []
    if not isinstance(raw, dict) or not all(_is_whole(key) and len(key) < 10 for key in raw):
        raise invalid("Invalid array", param=name)
    keys = sorted(raw, key=int)
    return [coerce(schema["items"], raw[key], _inner(name, str(at))) for at, key in enumerate(keys)]


def _string(schema: Schema, raw: str, name: str) -> str:
    if "enum" in schema and raw not in schema["enum"]:
        if raw == "":
            raise empty(name)
        raise invalid(f"Invalid {name}: must be one of {_alternatives(schema['enum'])}", param=name)
    if len(raw) > schema.get("maxLength", len(raw)):
        message = f"Invalid string: {raw[:20]}…; must be at most {schema['maxLength']} characters"
        raise invalid(message, param=name)
    if schema.get("format") == "decimal" and not _DECIMAL.fullmatch(raw):
        raise invalid(f"Invalid decimal: {raw[:60]}", param=name)
    return raw


def _alternatives(values: list[str]) -> str:
    names = [str(value) for value in values[:20]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, or {names[-1]}"


def _integer(schema: Schema, raw: str, name: str) -> int:
    if raw == "":
        raise empty(name)
    digits = raw.removeprefix("-")
    if not _is_whole(digits) or len(digits) > _MAX_DIGITS:
        raise invalid(f"Invalid integer: {raw[:60]}", param=name, code="parameter_invalid_integer")
    if schema.get("format") == "unix-time" and not 0 <= int(raw) <= _MAX_TIMESTAMP:
        raise invalid(f"Invalid timestamp: {raw[:60]}", param=name)
    return int(raw)


def _is_whole(text: str) -> bool:
    """True if the text has only the digits 0 to 9."""
    return text.isascii() and text.isdecimal()


def _number(_: Schema, raw: str, name: str) -> float:
    if raw == "":
        raise empty(name)
    number = float(raw) if _NUMBER.fullmatch(raw) else math.nan
    if not math.isfinite(number):
        raise invalid(f"Invalid number: {raw[:60]}", param=name)
    return number


def _boolean(_: Schema, raw: str, name: str) -> bool:
    if raw == "":
        raise empty(name)
    if raw not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {raw[:60]}", param=name)
    return raw == "true"


def _inner(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


_SCALARS = {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean}
