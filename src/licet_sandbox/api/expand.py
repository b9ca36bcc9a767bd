"""`expand[]`: replaces ids by the objects that they name, up to four levels deep as at Stripe."""

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

_MAX_LEVELS = 4
_PAGES = ("list", "search_result")


def render_response(tx: Tx, answer: Obj, paths: list[str]) -> Obj:
    """A copy of the answer without private fields, with `paths` expanded."""
    body = _public_copy(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > _MAX_LEVELS:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(tx, _Position(body, body, ""), _schema_of(body, None), steps, path)
    return body


def _public_copy(obj: Obj) -> Obj:
    """A deep copy without the private field `_`."""
    copied = copy.deepcopy(public(obj))
    if copied.get("object") in _PAGES:
        copied["data"] = [public(entry) for entry in copied["data"]]
    return copied


@dataclass(frozen=True)
class _Position:
    """How far a path is resolved: in `holder`, which is `owner` or a plain part of it at `prefix`."""

    holder: Obj
    owner: Obj
    prefix: str

    def inside(self, entry: Obj, key: str) -> _Position:
        """One step further; an entry with `object` is the owner of what is inside it."""
        if "object" in entry:
            return _Position(entry, entry, "")
        return _Position(entry, self.owner, f"{self.prefix}{key}.")


def _expand(tx: Tx, at: _Position, schema: Schema | None, steps: list[str], path: str) -> None:
    holder, key, rest = at.holder, steps[0], steps[1:]
    if not (holder.get("object") in _PAGES and key in {"data", "total_count"}):
        include = INCLUDES.get((at.owner.get("object", ""), at.prefix + key))
        if schema is None or (include is None and key not in schema.get("x-expandableFields", [])):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        included = include(tx, at.owner) if include is not None and key not in holder else None
        if included is not None:
            holder[key] = included if isinstance(included, int) else _public_copy(included)
        holder[key] = _resolve(tx, holder.get(key), stubs=_takes_stubs(schema, key))
        if holder[key] is None:
            # An optional field that this object does not have stays absent.
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
    """True if the field may hold a deleted object's stub.

    Otherwise a deleted object is shown as it last was, such as the coupon of a discount.
    """
    field = schema["properties"].get(key, {})
    options = field.get("items", field).get("anyOf", [])
    return any(option.get("$ref", "").startswith("#/components/schemas/deleted_") for option in options)


def _resolve(tx: Tx, value: Any, *, stubs: bool) -> Any:
    """The object of an id, the objects of a list of ids; other values unchanged."""
    if isinstance(value, list):
        return [_resolve(tx, entry, stubs=stubs) for entry in value]
    if isinstance(value, str):
        found = tx.find(value, deleted=True) if stubs else tx.find_last_version(value)
        return value if found is None else _public_copy(found)
    return value


def _schema_of(obj: Obj, fallback: Schema | None) -> Schema | None:
    return document().schemas.get(obj.get("object", ""), fallback)
