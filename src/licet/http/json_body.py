"""Strict JSON parsing: a body that two parsers could read differently is refused.

The limits are checked on the raw text, in a few passes of C code. The parser then runs at most `MAX_VALUES` steps.
Source: docs/decisions/request-bodies.md.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NoReturn

from licet.errors import MalformedJson, ValidationFailed
from licet.kit.storable import NUL_OR_SURROGATE_ESCAPE, UNSTORABLE

MAX_DEPTH = 32
"""No request body is nested more than five levels."""

MAX_VALUES = 2000
"""The most values, names included, of a body. The largest request, a full cart with metadata, has some 300."""

MAX_DIGITS = 400
"""The most digits of an integer. No field accepts more than 19; the time to read one grows with their square."""

_EXACT_BELOW = 2**53
"""From here on a float cannot represent every integer."""

_ONE_KIND_OF_BRACKET = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(raw: bytes) -> Any:
    """Parses a body.

    Raises MalformedJson if it is not UTF-8, not JSON (NaN and numbers too large for a float are not), nested deeper
    than `MAX_DEPTH`, has more than `MAX_VALUES` values, or has an object with a duplicate name (parsers differ on which
    one counts: RFC 8259, section 4).
    Raises ValidationFailed, with the field, for text with a NUL or a lone surrogate.
    """
    # Each check bounds the cost of the next one.
    without_escapes = _without_escapes(raw)
    too_many = without_escapes.count(b'"') > 2 * MAX_VALUES
    outside_strings = b"" if too_many else _without_strings(without_escapes)
    too_many = too_many or _count_values(outside_strings) > MAX_VALUES
    if too_many or _is_deeper(outside_strings, MAX_DEPTH):
        limit = f"has more than {MAX_VALUES} values" if too_many else f"is nested more than {MAX_DEPTH} levels deep"
        raise MalformedJson(f"The body {limit}. Send a smaller one.")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_names,
            parse_constant=refuse_constant,
            parse_float=_number,
            parse_int=_integer,
        )
    except ValueError as error:
        raise MalformedJson(f"The body is not valid JSON: {_reason(error)}. Correct it.") from None
    if NUL_OR_SURROGATE_ESCAPE.search(raw):
        _check_text(value)
    return value


def is_nested_deeper(raw: bytes, levels: int) -> bool:
    """Whether lists and objects in a JSON text are nested deeper than this, found without parsing it."""
    return _is_deeper(_without_strings(_without_escapes(raw)), levels)


def refuse_constant(name: str) -> NoReturn:
    """Raises ValueError for NaN and Infinity, which Python accepts and JSON does not have."""
    raise ValueError(f"{name} is not a JSON number")


def finite(digits: str) -> float:
    """Reads a number. Raises ValueError for one that is too large for a float."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _without_escapes(raw: bytes) -> bytes:
    """The text without escaped quotes and backslashes: every quote that is left begins or ends a string."""
    return raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw


def _without_strings(without_escapes: bytes) -> bytes:
    """The text outside of strings: brackets, commas, colons, numbers.

    Of a text that is not JSON, it is right up to the first error, where a parser stops.
    """
    return b"".join(without_escapes.split(b'"')[::2])


def _is_deeper(outside_strings: bytes, levels: int) -> bool:
    brackets = outside_strings.translate(_ONE_KIND_OF_BRACKET, _NOT_BRACKETS)
    # Each pass removes the innermost level.
    for _ in range(levels):
        flatter = brackets.replace(b"[]", b"")
        if len(flatter) == len(brackets):
            break
        brackets = flatter
    # What is left is deeper, or has no counterpart. An error of the second kind is the parser's to report.
    return b"[]" in brackets or brackets.count(b"[") > levels


def _count_values(outside_strings: bytes) -> int:
    """At least the number of values and names: each follows a bracket, a comma or a colon."""
    return sum(map(outside_strings.count, (b",", b":", b"[", b"{")))


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def _number(digits: str) -> float:
    """Reads 30.0 as the integer 30, as JSON Schema and JavaScript do."""
    number = finite(digits)
    return int(number) if number.is_integer() and abs(number) < _EXACT_BELOW else number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(digits)


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    return str(error)


def _check_text(value: Any) -> None:
    path = _find_unstorable(value)
    if path is not None:
        fault = {"field": _field(path)[:200] or "body", "message": "must not contain NUL or a lone surrogate"}
        raise ValidationFailed(
            "The body contains text that cannot be stored. Remove NUL characters and lone surrogates.",
            details={"fields": [fault]},
        )


def _find_unstorable(value: Any) -> Sequence[str | int] | None:
    """The path to the first text that cannot be stored, or None. For a name, the path to its object."""
    if isinstance(value, str):
        return () if UNSTORABLE.search(value) else None
    members = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for name, member in members:
        if isinstance(name, str) and UNSTORABLE.search(name):
            return ()
        below = _find_unstorable(member)
        if below is not None:
            return (name, *below)
    return None


def _field(path: Sequence[str | int]) -> str:
    """`items[0].name` for ("items", 0, "name")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
