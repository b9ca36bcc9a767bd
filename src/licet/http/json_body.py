"""JSON as we read it: strictly, so that no two readers could understand one body differently."""

import json
import math
import re
from typing import Any

from licet.errors import MalformedJson, ValidationFailed

MAX_DEPTH = 32
"""Nothing we ask for is nested more than five deep; what is far deeper is there to hurt a parser."""

_EXACT_BELOW = 2**53
"""From here on a float skips integers."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL stores no NUL, and half of a surrogate pair is no text in any encoding."""


def parse_json(raw: bytes) -> Any:
    """The value of a body.

    Raises MalformedJson for what is not UTF-8 or not JSON (NaN and numbers beyond a float included), for an object that
    has one name twice (readers disagree on which counts: RFC 8259, section 4) and beyond `MAX_DEPTH`;
    ValidationFailed, naming the field, for text with a NUL or half of a surrogate pair.
    """
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_such_number, parse_float=_number
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise MalformedJson(f"The body is not JSON: {_said(error)}.") from None
    _check_text(value)
    return value


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _no_such_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _number(digits: str) -> float:
    """30.0 is the integer 30, as in JSON Schema and JavaScript."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() and abs(number) < _EXACT_BELOW else number


def _said(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    # The digit limit of int() names Python's own settings; everything else is from above.
    return "a number is too large" if "digits" in str(error) else str(error)


def _too_deep() -> MalformedJson:
    return MalformedJson(f"The body is nested more than {MAX_DEPTH} deep.")


def _check_text(value: Any) -> None:
    """Walks without recursion: the depth is the caller's to choose."""
    waiting: list[tuple[str, int, Any]] = [("", 0, value)]
    while waiting:
        where, depth, found = waiting.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(found, str):
            _check_one(where, found)
        elif isinstance(found, list):
            waiting.extend((f"{where}[{n}]", depth + 1, one) for n, one in enumerate(found))
        elif isinstance(found, dict):
            for name, one in found.items():
                _check_one(where, name)
                waiting.append((f"{where}.{name}" if where else name, depth + 1, one))


def _check_one(where: str, text: str) -> None:
    if UNSTORABLE.search(text):
        raise ValidationFailed(
            "The body holds text that cannot be stored.",
            details={
                "fields": [{"field": where or "body", "message": "must hold no NUL and no half of a surrogate pair"}]
            },
        )
