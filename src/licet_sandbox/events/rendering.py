"""Events as an endpoint of an older API version gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.events.layouts import Change, changes_since
from licet_sandbox.state.tx import previous_attributes

if TYPE_CHECKING:
    from licet_sandbox.spec.document import Schema
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

Changes = dict[str, list[Change]]


def render(tx: Tx, event: Obj, version: str) -> Obj:
    """A copy of the event in the layout of this version; what it needs of other objects is read now."""
    changes, data = changes_since(version), event["data"]
    shown: Obj = {"object": undone(tx, data["object"], changes)}
    if "previous_attributes" in data:
        before = undone(tx, _before(data["object"], data["previous_attributes"]), changes)
        changed = {key: before.get(key) for key in before if before[key] != shown["object"].get(key)}
        shown["previous_attributes"] = previous_attributes(changed, shown["object"])
    return {**event, "api_version": version, "data": shown}


def undone(tx: Tx, value: Any, changes: Changes) -> Any:
    """A copy of an object, or of a list of them, with the changes undone in it and in all that stands inside."""
    if isinstance(value, list):
        return [undone(tx, entry, changes) for entry in value]
    if not isinstance(value, dict):
        return value
    shown = value
    # Where only a stub is left of an object, there is nothing to undo.
    stub = value.keys() <= {"id", "object", "deleted"}
    for change in [] if stub else changes.get(value.get("object", ""), []):
        shown = {key: inner for key, inner in shown.items() if key not in change.gone} | change.undo(tx, shown)
    return {key: undone(tx, inner, changes) for key, inner in shown.items()}


def _before(obj: Obj, previous: Obj) -> Obj:
    """The object as it was: of a nested one only the keys that differ are known."""
    before = dict(obj)
    for key, old in previous.items():
        partial = isinstance(old, dict) and isinstance(obj.get(key), dict) and "object" not in old
        before[key] = {**obj[key], **old} if partial else old
    return before


def schemas_of(version: str, schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The schemas of objects in the layout of this version, from today's."""
    made = dict(schemas)
    for kind, changes in changes_since(version).items():
        for change in changes:
            for name in (kind, f"deleted_{kind}"):
                if name in made:
                    made[name] = _undone_schema(made[name], change)
    return made


def _undone_schema(schema: Schema, change: Change) -> Schema:
    kept = {key: value for key, value in schema["properties"].items() if key not in change.gone}
    asked = [key for key in schema.get("required", []) if key not in change.gone]
    asked += [key for key in change.had if key not in change.sometimes and key not in asked]
    return {**schema, "properties": kept | change.had, "required": asked}
