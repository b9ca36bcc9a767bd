"""Ways to give a parameter, from the document's schema and from what there is in the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.spec.document import Schema

_DEEPEST = 5
# What says what something costs: one of them is enough, and two are an error.
_PRICED = {"price", "price_data", "plan", "pricing", "amount", "unit_amount", "unit_amount_decimal"}


class Values:
    """known: values that make sense, by the last part or the last two parts of a parameter's name."""

    def __init__(self, known: dict[str, Any], now: int) -> None:
        self._known = known
        self._now = now

    def ways(self, path: tuple[str, ...], schema: Schema) -> Iterator[Any]:
        """Values that together use every parameter inside, each beside what it needs."""
        for suffix in (".".join(path[-2:]), path[-1]):
            if suffix in self._known:
                yield self._known[suffix]
                return
        for variant in schema.get("anyOf", [schema]):
            if variant.get("type") == "object":
                yield from self._objects(path, variant)
            elif variant.get("type") == "array":
                yield from ([one] for one in self.ways(path, variant["items"]))
            else:
                yield from self._scalars(path[-1], variant)

    def _objects(self, path: tuple[str, ...], schema: Schema) -> Iterator[Any]:
        properties, free = schema.get("properties"), schema.get("additionalProperties")
        if properties is None:
            keys = "eur" if path[-1] == "currency_options" else "key"
            yield from ({keys: one} for one in self.ways((*path, keys), free or {}))
            return
        required = {inner: self._first(path, inner, properties) for inner in schema.get("required", [])}
        if not properties or len(path) > _DEEPEST:
            yield required
        for inner, spec in properties.items():
            beside = {name: self._first(path, name, properties) for name in self._wanted(inner, properties)}
            for one in self.ways((*path, inner), spec):
                yield {**beside, **required, **self._kind(inner, properties), inner: one}

    def _first(self, path: tuple[str, ...], name: str, properties: dict[str, Schema]) -> Any:
        return next(self.ways((*path, name), properties[name]))

    def _wanted(self, inner: str, properties: dict[str, Schema]) -> list[str]:
        """A price where something is billed, an amount where a price is made, and how much of it in a line."""
        in_line = inner != "quantity" and {"adjustable_quantity", "quantity"} <= properties.keys()
        many = ["quantity"] if in_line else []
        if inner in _PRICED:
            return many
        wanted: list[str] = [name for name in ("price", "unit_amount") if name in properties]
        return [*wanted[:1], *many]

    def _kind(self, inner: str, properties: dict[str, Schema]) -> dict[str, Any]:
        """`type=card` beside `card`, say."""
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
