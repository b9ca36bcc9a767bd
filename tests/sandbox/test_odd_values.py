"""Every parameter of every operation with values that it does not mean, asked as the table of what is covered is."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from licet_sandbox.errors import StripeError
from licet_sandbox.validation import Checker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
# What no parameter means, or only some; the last two are ids of something else.
ODD = (
    "",
    "-1",
    "0",
    "1",
    "9" * 15,
    "1e400",
    "NaN",
    "now",
    "null",
    "x" * 3000,
    "\0",
    "💥",
    "<b>",
    "pm_card_visa",
    "cus_x",
)
SHAPES: tuple[Any, ...] = ({"x": "y"}, ["x"], [{"x": "y"}])


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """The modules of the program that asks for everything."""
    monkeypatch.syspath_prepend(str(ROOT / "dev" / "sandbox_coverage"))
    return importlib.import_module


def test_no_value_breaks_an_operation(asking: Any) -> None:
    """Whatever stands in one parameter, it is taken or refused in Stripe's way; no answer leaves Stripe's shape."""
    checker = Checker()
    sandbox = asking("calls").Sandbox(checker)
    table = asking("table").Table(sandbox)
    values = asking("values").Values(table.known, int(sandbox.engine.clock.timestamp()))
    asked = 0
    for name, (ids, given) in table.calls.items():
        for parameter, schema in asking("calls").find(name).schema["properties"].items():
            for at, value in enumerate(values.values_of((parameter,), schema)):
                for path in _places(value):
                    odd = (*ODD, *SHAPES)[(asked + at) % (len(ODD) + len(SHAPES))]
                    asked += 1
                    refused = _ask(sandbox, name, ids, {**given, parameter: _put(value, path, odd)})
                    assert refused is None or refused.status in {400, 402, 404}, (name, parameter, odd)
    assert asked > 5000
    checker.raise_any()


def _ask(sandbox: Any, name: str, ids: tuple[str, ...], given: dict[str, Any]) -> StripeError | None:
    try:
        sandbox.probe(name, ids, given)
    except StripeError as refusal:
        return refusal
    return None


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*path, key))
    yield path


def _put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = _put(value[path[0]], path[1:], odd)
    return changed
