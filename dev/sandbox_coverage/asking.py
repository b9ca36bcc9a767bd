"""Calls each operation with each of its parameters, in rehearsal: what is refused as not built?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from calls import Sandbox, find
from table import Table
from values import Values

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from calls import Tree

    Call = tuple[tuple[str, ...], Tree]

# Every list and every operation has them.
_COMMON = {"expand", "limit", "starting_after", "ending_before", "page", "query"}
_REFUSAL = "This sandbox does not support "


def refusals(check: Any) -> dict[str, list[str]]:
    """By operation: the parameters, and where only some values are refused those (`name=value`)."""
    sandbox = Sandbox(check)
    table = Table(sandbox)
    values = Values(table.known, int(sandbox.engine.clock.timestamp()))
    calls = table.calls
    lacking = [name for name in OPERATIONS if name not in calls and find(name).schema["properties"].keys() - _COMMON]
    if lacking:
        raise LookupError(f"`table.py` does not say how to call {lacking}.")
    found = {}
    for name, call in calls.items():
        ways_in = [call, *table.others.get(name, [])]
        for ids, given in ways_in:
            # It must succeed as it is, or adding a parameter would say nothing.
            sandbox.probe(name, ids, given)
        found[name] = sorted(_refused(sandbox, values, name, ways_in))
    return found


def _refused(sandbox: Sandbox, values: Values, name: str, ways_in: list[Call]) -> set[str]:
    """What was refused as not built, and got through in no other call."""
    found: set[str] = set()
    taken = {one for _, given in ways_in for one in _names(given)}
    for parameter, schema in find(name).schema["properties"].items():
        if parameter in _COMMON:
            continue
        for way in values.ways((parameter,), schema):
            for ids, given in ways_in:
                asked = _with(given, parameter, way)
                try:
                    sandbox.probe(name, ids, asked)
                    taken |= set(_names(asked))
                except StripeError as error:
                    found |= {_said(error)} if str(error).startswith(_REFUSAL) else set()
    return found - taken


def _names(value: Any, name: str = "") -> Iterator[str]:
    """The full names of all parameters inside, as the page writes them: with and without their values.

    Not of what is empty: where there is nothing to clear, that asks for nothing.
    """
    if value in ("", [], {}):
        return
    if isinstance(value, list):
        for inner in value:
            yield from _names(inner, name)
        return
    yield name
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _names(inner, f"{name}[{key}]" if name else key)
    else:
        yield f"{name}={str(value).lower()}"


def _with(given: Tree, parameter: str, way: Any) -> Tree:
    before = given.get(parameter)
    both = isinstance(way, dict) and isinstance(before, dict)
    return {**given, parameter: {**before, **way} if both else way}  # type: ignore[dict-item]


def _said(error: StripeError) -> str:
    """The parameter; with its value where that is what was refused."""
    parameter = re.sub(r"\[\d+\]", "", str(error.error.get("param")))
    valued = re.fullmatch(rf"{_REFUSAL}`[^`]+` = (True|False|'?[a-z][a-z0-9_]+'?)\.", str(error))
    value = valued[1].strip("'") if valued else "x"
    # "x" is any text: only the parameter is named.
    return parameter if value == "x" else f"{parameter}={value.lower() if value in {'True', 'False'} else value}"
