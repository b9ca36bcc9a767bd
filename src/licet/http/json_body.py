"""Strict JSON parsing: a body that two parsers could read differently is refused."""

import json
import math
import re
from typing import Any

from licet.errors import MalformedJson, ValidationFailed

MAX_DEPTH = 32
"""No request body is nested more than five levels. Far deeper nesting is an attack on a parser."""

_EXACT_BELOW = 2**53
"""From here on a float cannot represent every integer."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL cannot store NUL, and a lone surrogate is invalid in every encoding."""


def parse_json(raw: bytes) -> Any:
    """Parses a body.

    Raises MalformedJson if it is not UTF-8, not JSON (NaN and numbers too large for a float are not), nested deeper
    than `MAX_DEPTH`, or has an object with a duplicate name (parsers differ on which one counts: RFC 8259, section 4).
    Raises ValidationFailed, with the field, for text with a NUL or a lone surrogate.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_unique_names, parse_constant=_refuse_constant, parse_float=_number
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise MalformedJson(f"The body is not valid JSON: {_reason(error)}. Correct it.") from None
    _check_text(value)
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _number(digits: str) -> float:
    """Reads 30.0 as the integer 30, as JSON Schema and JavaScript do."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() and abs(number) < _EXACT_BELOW else number


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    # The error of int() for too many digits names Python's settings; all other errors are raised above.
    return "a number is too large" if "digits" in str(error) else str(error)


def _too_deep() -> MalformedJson:
    return MalformedJson(f"The body is nested more than {MAX_DEPTH} levels deep. Send a flatter one.")


def _check_text(value: Any) -> None:
    """Checks every string and name. It does not recurse, because the caller chooses the depth."""
    pending: list[tuple[str, int, Any]] = [("", 0, value)]
    while pending:
        path, depth, current = pending.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(current, str):
            _check_string(path, current)
        elif isinstance(current, list):
            pending.extend((f"{path}[{n}]", depth + 1, item) for n, item in enumerate(current))
        elif isinstance(current, dict):
            for name, member in current.items():
                _check_string(path, name)
                pending.append((f"{path}.{name}" if path else name, depth + 1, member))


def _check_string(path: str, text: str) -> None:
    if UNSTORABLE.search(text):
        raise ValidationFailed(
            "The body contains text that cannot be stored. Remove NUL characters and lone surrogates.",
            details={"fields": [{"field": path or "body", "message": "must not contain NUL or a lone surrogate"}]},
        )
