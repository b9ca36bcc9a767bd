"""Calls each operation with each of its parameters, rolls back, and collects unsupported parameters."""

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

# Parameters of every list and every operation.
_COMMON = {"expand", "limit", "starting_after", "ending_before", "page", "query"}
_REFUSAL = "This sandbox does not support "


def refusals(check: Any) -> dict[str, list[str]]:
    """The refused parameters of each operation; `name=value` if only some values are refused."""
    sandbox = Sandbox(check)
    table = Table(sandbox)
    values = Values(table.known, int(sandbox.engine.clock.timestamp()))
    calls = table.calls
    missing = [name for name in OPERATIONS if name not in calls and find(name).schema["properties"].keys() - _COMMON]
    if missing:
        raise LookupError(f"`table.py` has no call for {missing}. Add one to `Table.calls`.")
    found = {}
    for name, call in calls.items():
        base_calls = [call, *table.others.get(name, [])]
        for ids, given in base_calls:
            # The call must succeed by itself; otherwise a refusal with one more parameter would say nothing.
            sandbox.probe(name, ids, given)
        found[name] = sorted(_refused(sandbox, values, name, base_calls))
    return found


def _refused(sandbox: Sandbox, values: Values, name: str, base_calls: list[Call]) -> set[str]:
    """The parameters that were refused as unsupported and accepted in no call."""
    refused: set[str] = set()
    accepted = {parameter for _, given in base_calls for parameter in _names(given)}
    for parameter, schema in find(name).schema["properties"].items():
        if parameter in _COMMON:
            continue
        for value in values.values_of((parameter,), schema):
            for ids, given in base_calls:
                params = _with(given, parameter, value)
                try:
                    sandbox.probe(name, ids, params)
                    accepted |= set(_names(params))
                except StripeError as error:
                    refused |= {_refused_parameter(error)} if str(error).startswith(_REFUSAL) else set()
    return refused - accepted


def _names(value: Any, name: str = "") -> Iterator[str]:
    """The full names of all nested parameters, as on the page: with and without their values.

    Empty values are skipped: clearing a field that is empty already has no effect.
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


def _with(given: Tree, parameter: str, value: Any) -> Tree:
    before = given.get(parameter)
    both = isinstance(value, dict) and isinstance(before, dict)
    return {**given, parameter: {**before, **value} if both else value}  # type: ignore[dict-item]


def _refused_parameter(error: StripeError) -> str:
    """The name of the refused parameter, with its value if only that was refused."""
    parameter = re.sub(r"\[\d+\]", "", str(error.error.get("param")))
    valued = re.fullmatch(rf"{_REFUSAL}`[^`]+` = (True|False|'?[a-z][a-z0-9_]+'?)\.", str(error))
    value = valued[1].strip("'") if valued else "x"
    # "x" is the placeholder for any text, not a value that was refused by itself.
    return parameter if value == "x" else f"{parameter}={value.lower() if value in {'True', 'False'} else value}"
