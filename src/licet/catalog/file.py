"""Reads a catalogue file. Reports every fault in it with its line and field."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from licet.catalog.amounts import find_amount_faults
from licet.catalog.core import Catalog
from licet.catalog.schema import CatalogPart
from licet.errors import ValidationFailed

EXAMPLE = Path(__file__).parent / "example.yaml"
"""The example catalogue, also part of the wheel. `examples/catalogue.yaml` is this file."""


@dataclass(frozen=True)
class Fault:
    """A fault in the file. field: as in the API's validation errors. line, column: from 1."""

    field: str
    message: str
    line: int
    column: int


def read_catalog(path: Path) -> Catalog:
    """Read a catalogue file. Raises ValidationFailed with every fault, OSError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValidationFailed(f"{path} is not UTF-8 text. Save it as UTF-8.") from None
    return parse_catalog(text, path.name)


def parse_catalog(text: str, name: str = "catalogue") -> Catalog:
    """Parse a catalogue from YAML. Raises ValidationFailed with every fault."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        position = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _failed(name, [Fault("", f"is not valid YAML: {error.problem}", *position)]) from None
    except yaml.YAMLError as error:
        raise _failed(name, [Fault("", f"is not valid YAML: {error}", 1, 1)]) from None
    if root is None:
        raise _failed(name, [Fault("", "is empty: add `products:`", 1, 1)])
    faults = list(_repeated_fields(root))
    if faults:
        raise _failed(name, faults)
    try:
        catalog = CatalogPart.model_validate(yaml.safe_load(text)).as_catalog()
    except ValidationError as error:
        raise _failed(name, [_fault(root, fault["loc"], fault["msg"]) for fault in error.errors()]) from None
    found = chain(_repeated_keys(catalog), find_amount_faults(catalog))
    faults = [_fault(root, where, message) for where, message in found]
    if faults:
        raise _failed(name, faults)
    return catalog


def _repeated_keys(catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    products = Counter(product.key for product in catalog.products)
    for number, product in enumerate(catalog.products):
        if products[product.key] > 1:
            yield ("products", number, "key"), f"{product.key} is the key of {products[product.key]} products"
        prices = Counter(price.key for price in product.prices)
        for place, price in enumerate(product.prices):
            if prices[price.key] > 1:
                yield (
                    ("products", number, "prices", place),
                    f"{prices[price.key]} prices have the key {price.key} (made of interval and currency): "
                    "give each its own `key`",
                )


def _repeated_fields(node: yaml.Node, path: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    # YAML readers silently keep the last of two equal fields. That must not change a price.
    if isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            yield from _repeated_fields(child, (*path, number))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, child in node.value:
            where = (*path, str(name.value))
            if name.value in seen:
                yield Fault(_field_path(where), "is repeated", name.start_mark.line + 1, name.start_mark.column + 1)
            seen.add(name.value)
            yield from _repeated_fields(child, where)


def _fault(root: yaml.Node, where: Sequence[str | int], message: str) -> Fault:
    mark = _find(root, where).start_mark
    text = message.removeprefix("Value error, ")
    return Fault(_field_path(where), text[0].lower() + text[1:], mark.line + 1, mark.column + 1)


def _find(node: yaml.Node, where: Sequence[str | int]) -> yaml.Node:
    """Return the node at a path, or the nearest parent if it is missing."""
    for step in where:
        children: dict[Any, yaml.Node] = {}
        if isinstance(node, yaml.SequenceNode):
            children = dict(enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            children = {name.value: child for name, child in node.value}
        if step not in children:
            return node
        node = children[step]
    return node


def _field_path(where: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")


def _failed(name: str, faults: list[Fault]) -> ValidationFailed:
    lines = [
        f"{name}:{fault.line}:{fault.column}: " + ": ".join(filter(None, (fault.field, fault.message)))
        for fault in faults
    ]
    return ValidationFailed(
        "The catalogue has faults:\n" + "\n".join(lines), details={"fields": [vars(fault) for fault in faults]}
    )
