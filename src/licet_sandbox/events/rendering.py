"""Renders events for endpoints of older API versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.events.layouts import LayoutChange, changes_since
from licet_sandbox.state.tx import previous_attributes

if TYPE_CHECKING:
    from licet_sandbox.spec.document import Schema
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

Changes = dict[str, list[LayoutChange]]


def render_event(tx: Tx, event: Obj, version: str) -> Obj:
    """A copy of the event in the layout of this version. Other objects that it needs are read now."""
    changes, data = changes_since(version), event["data"]
    rendered: Obj = {"object": undo_changes(tx, data["object"], changes)}
    if "previous_attributes" in data:
        before = undo_changes(tx, _before(data["object"], data["previous_attributes"]), changes)
        changed = {key: before.get(key) for key in before if before[key] != rendered["object"].get(key)}
        rendered["previous_attributes"] = previous_attributes(changed, rendered["object"])
    return {**event, "api_version": version, "data": rendered}


def undo_changes(tx: Tx, value: Any, changes: Changes) -> Any:
    """A copy of an object, or of a list of them, with the changes undone, also in nested objects."""
    if isinstance(value, list):
        return [undo_changes(tx, entry, changes) for entry in value]
    if not isinstance(value, dict):
        return value
    undone = value
    # A stub of a deleted object has nothing to undo.
    stub = value.keys() <= {"id", "object", "deleted"}
    for change in [] if stub else changes.get(value.get("object", ""), []):
        undone = {key: inner for key, inner in undone.items() if key not in change.added} | change.undo(tx, undone)
    return {key: undo_changes(tx, inner, changes) for key, inner in undone.items()}


def _before(obj: Obj, previous: Obj) -> Obj:
    """The object before the change: of a nested object only the keys that differ are known."""
    before = dict(obj)
    for key, old in previous.items():
        partial = isinstance(old, dict) and isinstance(obj.get(key), dict) and "object" not in old
        before[key] = {**obj[key], **old} if partial else old
    return before


def schemas_of(version: str, schemas: dict[str, Schema]) -> dict[str, Schema]:
    """The schemas of objects in the layout of this version, made from the current ones."""
    made = dict(schemas)
    for kind, changes in changes_since(version).items():
        for change in changes:
            for name in (kind, f"deleted_{kind}"):
                if name in made:
                    made[name] = _undo_schema_change(made[name], change)
    return made


def _undo_schema_change(schema: Schema, change: LayoutChange) -> Schema:
    properties = {key: value for key, value in schema["properties"].items() if key not in change.added}
    required = [key for key in schema.get("required", []) if key not in change.added]
    required += [key for key in change.removed if key not in change.optional and key not in required]
    return {**schema, "properties": properties | change.removed, "required": required}
