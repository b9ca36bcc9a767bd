"""Reads the JSON body of a control: checks types, refuses unknown fields."""

from __future__ import annotations

import json
from typing import Any

from licet_sandbox.errors import invalid

# Python's integers are unbounded; JSON's are exact in every reader up to here.
_MAX_INTEGER = 2**53


class Body:
    """A body. Each reading method removes its field; `end` refuses the remaining ones."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = dict(fields)

    @classmethod
    def parse(cls, raw: bytes) -> Body:
        """Parses a JSON object; an empty body is an empty object."""
        if not raw.strip():
            return cls({})
        try:
            fields = json.loads(raw)
        except (ValueError, RecursionError):
            raise invalid("The body is not JSON, or is nested too deeply.") from None
        if not isinstance(fields, dict):
            raise invalid("The body must be a JSON object.")
        return cls(fields)

    def text(self, name: str, default: str | None) -> str | None:
        """A string, or the default."""
        value = self._fields.pop(name, default)
        if value is not None and not isinstance(value, str):
            raise invalid(f"{name} must be a string.", param=name)
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed strings; the first one is the default."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            raise invalid(f"{name} must be one of {', '.join(allowed)}.", param=name)
        return value

    def optional(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of the allowed strings, or None."""
        return self.choice(name, allowed) if name in self._fields else None

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean, or the default."""
        value = self._fields.pop(name, default)
        if not isinstance(value, bool):
            raise invalid(f"{name} must be true or false.", param=name)
        return value

    def number(self, name: str) -> float | None:
        """A number, or None."""
        value = self._fields.pop(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise invalid(f"{name} must be a number.", param=name)
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            raise invalid(f"{name} is too large.", param=name)
        return value

    def integer(self, name: str) -> int | None:
        """An integer, or None."""
        value = self.number(name)
        if value is not None and not isinstance(value, int):
            raise invalid(f"{name} must be a whole number.", param=name)
        return value

    def all(self) -> dict[str, Any]:
        """All remaining fields."""
        return self._fields

    def end(self) -> None:
        """400 if a field remains that no method has read."""
        if self._fields:
            name = next(iter(self._fields))
            raise invalid(f"Unknown field: {name}.", param=name)
