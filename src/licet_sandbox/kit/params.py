"""Parameters that record which of them were read: unread ones are refused, never silently ignored."""

from __future__ import annotations

from typing import Any

from licet_sandbox.errors import StripeError, empty, invalid, unsupported


class Params:
    """The typed parameters of one object. `sub` and `subs` read nested objects, `get` a whole value."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._inner: dict[str, list[Params]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __bool__(self) -> bool:
        return bool(self._values)

    def names(self) -> list[str]:
        """The names of the given parameters."""
        return list(self._values)

    def name(self, key: str) -> str:
        """The full name, for an error's `param`."""
        return f"{self._path}[{key}]" if self._path else key

    def get(self, name: str, default: Any = None) -> Any:
        """The value, including nested values, or the default."""
        self._read.add(name)
        return self._values.get(name, default)

    def peek(self, name: str) -> Any:
        """The value or None, without marking it as read."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """A string; None if absent or cleared with an empty string."""
        return self.get(name) or None

    def need(self, name: str) -> Any:
        """The value; raises `parameter_missing` if absent, `parameter_invalid_empty` if empty."""
        value = self.get(name)
        if value is None:
            raise self.missing(name)
        if value == "":
            raise empty(self.name(name))
        return value

    def missing(self, name: str) -> StripeError:
        """The error for a missing required parameter."""
        full = self.name(name)
        return invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")

    def refuse(self, name: str, *allowed: Any) -> None:
        """400 unless the parameter is absent or has one of these values, the only supported ones."""
        value = self.get(name)
        if value is not None and value not in allowed:
            raise unsupported(f"`{self.name(name)}` = {value!r}", param=self.name(name))

    def sub(self, name: str) -> Params:
        """The parameters of a nested object; empty if absent or cleared."""
        return self._nested(name, [self._values.get(name) or {}])[0]

    def subs(self, name: str) -> list[Params]:
        """The parameters of each object in a nested list."""
        return self._nested(name, self._values.get(name) or [])

    def _nested(self, name: str, values: list[dict[str, Any]]) -> list[Params]:
        self._read.add(name)
        if name not in self._inner:
            listed = isinstance(self._values.get(name), list)
            paths = [f"{self.name(name)}[{at}]" if listed else self.name(name) for at in range(len(values))]
            self._inner[name] = [Params(value, path) for value, path in zip(values, paths, strict=True)]
        return self._inner[name]

    def end(self) -> None:
        """400 for a parameter that was not read: Stripe would act on it, this sandbox would not."""
        for name in self.unread():
            raise unsupported(f"the parameter `{name}`", param=name)

    def unread(self) -> list[str]:
        """The full names of the parameters that were not read."""
        here = [self.name(key) for key in self._values if key not in self._read]
        return here + [name for inner in self._inner.values() for params in inner for name in params.unread()]
