"""Generates values for a parameter, from its schema and from the objects in the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.spec.document import Schema

_DEEPEST = 5
# Parameters that set a price: one is required, two are an error.
_PRICED = {"price", "price_data", "plan", "pricing", "amount", "unit_amount", "unit_amount_decimal"}


class Values:
    """known: valid values, by the last part or the last two parts of a parameter's name"""

    def __init__(self, known: dict[str, Any], now: int) -> None:
        self._known = known
        self._now = now

    def values_of(self, path: tuple[str, ...], schema: Schema) -> Iterator[Any]:
        """Values that together use every nested parameter, each with the parameters that it needs."""
        for suffix in (".".join(path[-2:]), path[-1]):
            if suffix in self._known:
                yield self._known[suffix]
                return
        for variant in schema.get("anyOf", [schema]):
            if variant.get("type") == "object":
                yield from self._objects(path, variant)
            elif variant.get("type") == "array":
                yield from ([one] for one in self.values_of(path, variant["items"]))
            else:
                yield from self._scalars(path[-1], variant)

    def _objects(self, path: tuple[str, ...], schema: Schema) -> Iterator[Any]:
        properties, free = schema.get("properties"), schema.get("additionalProperties")
        if properties is None:
            keys = "eur" if path[-1] == "currency_options" else "key"
            yield from ({keys: one} for one in self.values_of((*path, keys), free or {}))
            return
        required = {inner: self._first(path, inner, properties) for inner in schema.get("required", [])}
        if not properties or len(path) > _DEEPEST:
            yield required
        for inner, spec in properties.items():
            needed = {name: self._first(path, name, properties) for name in self._needed(inner, properties)}
            for one in self.values_of((*path, inner), spec):
                yield {**needed, **required, **self._kind(inner, properties), inner: one}

    def _first(self, path: tuple[str, ...], name: str, properties: dict[str, Schema]) -> Any:
        return next(self.values_of((*path, name), properties[name]))

    def _needed(self, inner: str, properties: dict[str, Schema]) -> list[str]:
        """The price, amount or quantity that the object needs for this parameter."""
        in_line = inner != "quantity" and {"adjustable_quantity", "quantity"} <= properties.keys()
        quantity = ["quantity"] if in_line else []
        if inner in _PRICED:
            return quantity
        price: list[str] = [name for name in ("price", "unit_amount") if name in properties]
        return [*price[:1], *quantity]

    def _kind(self, inner: str, properties: dict[str, Schema]) -> dict[str, Any]:
        """The matching `type`, such as `type=card` for `card`."""
        return {"type": inner} if inner in properties.get("type", {}).get("enum", []) else {}

    def _scalars(self, name: str, schema: Schema) -> Iterator[Any]:
        kind = schema.get("type")
        if "enum" in schema:
            yield from schema["enum"]
        elif kind == "boolean":
            yield from (True, False)
        elif schema.get("format") == "unix-time":
            yield self._now + 5 * 24 * 3600
        elif kind in {"integer", "number"} or schema.get("format") == "decimal":
            yield 10
        else:
            yield "https://example.com/" if name.endswith("url") else "x"
