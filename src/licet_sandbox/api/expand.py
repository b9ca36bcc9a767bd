"""`expand[]`: ids become the objects that they name, to any depth that Stripe allows (four levels)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.api.includes import INCLUDES
from licet_sandbox.errors import invalid
from licet_sandbox.spec.document import Schema, document
from licet_sandbox.spec.shapes import Obj, public

if TYPE_CHECKING:
    from licet_sandbox.state.tx import Tx

_MOST_LEVELS = 4
_PAGES = ("list", "search_result")


def render(tx: Tx, answer: Obj, paths: list[str]) -> Obj:
    """A copy of the answer as the caller sees it."""
    shown = _show(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MOST_LEVELS:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(tx, _At(shown, shown, ""), _schema_of(shown, None), steps, path)
    return shown


def _show(obj: Obj) -> Obj:
    """A deep copy without what the sandbox keeps to itself."""
    shown = copy.deepcopy(public(obj))
    if shown.get("object") in _PAGES:
        shown["data"] = [public(entry) for entry in shown["data"]]
    return shown


@dataclass(frozen=True)
class _At:
    """How far a path has come: in `holder`, which is `owner` itself or (`prefix` says where) a plain part of it."""

    holder: Obj
    owner: Obj
    prefix: str

    def inside(self, entry: Obj, key: str) -> _At:
        """One step further; an object of its own owns what is inside it."""
        if "object" in entry:
            return _At(entry, entry, "")
        return _At(entry, self.owner, f"{self.prefix}{key}.")


def _expand(tx: Tx, at: _At, schema: Schema | None, steps: list[str], path: str) -> None:
    holder, key, rest = at.holder, steps[0], steps[1:]
    if not (holder.get("object") in _PAGES and key in {"data", "total_count"}):
        include = INCLUDES.get((at.owner.get("object", ""), at.prefix + key))
        if schema is None or (include is None and key not in schema.get("x-expandableFields", [])):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        included = include(tx, at.owner) if include is not None and key not in holder else None
        if included is not None:
            holder[key] = included if isinstance(included, int) else _show(included)
        holder[key] = _resolve(tx, holder.get(key), stubs=_takes_stubs(schema, key))
        if holder[key] is None:
            # An optional field that this object does not have stays away.
            if key not in schema.get("required", []):
                del holder[key]
            return
    if rest:
        inner = holder[key]
        deeper = schema["properties"].get(key) if schema is not None else None
        if deeper is not None and "items" in deeper:
            deeper = deeper["items"]
        for entry in inner if isinstance(inner, list) else [inner]:
            if isinstance(entry, dict):
                _expand(tx, at.inside(entry, key), _schema_of(entry, deeper), rest, path)


def _takes_stubs(schema: Schema, key: str) -> bool:
    """May a deleted object stand in this field? Where not, it is shown as it last was: a coupon, on its discounts."""
    field = schema["properties"].get(key, {})
    options = field.get("items", field).get("anyOf", [])
    return any(option.get("$ref", "").startswith("#/components/schemas/deleted_") for option in options)


def _resolve(tx: Tx, value: Any, *, stubs: bool) -> Any:
    """The object for an id, the objects for a list of ids; anything else as it is."""
    if isinstance(value, list):
        return [_resolve(tx, entry, stubs=stubs) for entry in value]
    if isinstance(value, str):
        found = tx.find(value, deleted=True) if stubs else tx.find_last_version(value)
        return value if found is None else _show(found)
    return value


def _schema_of(obj: Obj, fallback: Schema | None) -> Schema | None:
    return document().schemas.get(obj.get("object", ""), fallback)
