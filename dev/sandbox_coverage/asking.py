"""Asks each operation for each of its parameters, and takes everything back: what is refused as not built?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from calls import Sandbox, find
from values import Values
from world import World

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from calls import Tree

# Every list and every operation has them.
_COMMON = {"expand", "limit", "starting_after", "ending_before", "page", "query"}
_REFUSAL = "This sandbox does not support "


def refusals(check: Any) -> dict[str, list[str]]:
    """By operation: the parameters, and where only some values are refused those (`name=value`)."""
    sandbox = Sandbox(check)
    world = World(sandbox)
    values = Values(world.known, int(sandbox.engine.clock.timestamp()))
    calls = world.calls
    lacking = [name for name in OPERATIONS if name not in calls and find(name).schema["properties"].keys() - _COMMON]
    if lacking:
        raise LookupError(f"`world.py` does not say how to call {lacking}.")
    found = {}
    for name, (ids, given) in calls.items():
        # It goes through as it stands, or asking for more would say nothing.
        sandbox.probe(name, ids, given)
        found[name] = sorted(_refused(sandbox, values, name, ids, given))
    return found


def _refused(sandbox: Sandbox, values: Values, name: str, ids: tuple[str, ...], given: Tree) -> set[str]:
    found: set[str] = set()
    for parameter, schema in find(name).schema["properties"].items():
        if parameter in _COMMON:
            continue
        for way in values.ways((parameter,), schema):
            try:
                sandbox.probe(name, ids, _with(given, parameter, way))
            except StripeError as error:
                if str(error).startswith(_REFUSAL):
                    found.add(_said(error))
    return found


def _with(given: Tree, parameter: str, way: Any) -> Tree:
    before = given.get(parameter)
    both = isinstance(way, dict) and isinstance(before, dict)
    return {**given, parameter: {**before, **way} if both else way}  # type: ignore[dict-item]


def _said(error: StripeError) -> str:
    """The parameter; with its value where that is what was refused."""
    parameter = re.sub(r"\[\d+\]", "", str(error.error.get("param")))
    valued = re.fullmatch(rf"{_REFUSAL}`[^`]+` = (True|False|'?[a-z][a-z0-9_]+'?)\.", str(error))
    value = valued[1].strip("'") if valued else "x"
    # What stands for any text is no value that would be told from others.
    return parameter if value == "x" else f"{parameter}={value.lower() if value in {'True', 'False'} else value}"
