"""The checks of requests, answers and events. Each returns its violations as (path, message)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from licet_sandbox.spec.document import API_VERSION, document
from licet_sandbox.validation.schemas import object_validator, request_validator, schemas

if TYPE_CHECKING:
    from collections.abc import Callable

Found = list[tuple[str, str]]

_LIST = {"object", "data", "has_more", "url"}
_PAGES = {"list": _LIST, "search_result": _LIST | {"next_page"}}


def _check_request(name: str, value: Any) -> Found:
    method, template = name.split(" ")
    operation = document().find_operation(method, template)
    if operation is None:
        return [("", "no such operation")]
    return _errors(request_validator(name), value)


def _check_answer(name: str, value: Any) -> Found:
    if name == "error":
        return _object_errors("error", value)
    allowed = _PAGES.get(value.get("object"))
    if allowed is None:
        return _check_object(_answer_kinds(name), value)
    found = [] if value.keys() - {"total_count"} == allowed else [("", f"not a {value['object']} object")]
    return found + [entry for inner in value["data"] for entry in _check_object(_answer_kinds(name), inner)]


def _check_object(kinds: frozenset[str], value: Any) -> Found:
    kind = f"deleted_{value.get('object')}" if value.get("deleted") else value.get("object")
    if kind not in kinds:
        return [("", f"a {kind}, not one of {sorted(kinds)}")]
    return _object_errors(kind, value) + _unknown_keys(value, "")


def _check_event(name: str, value: Any) -> Found:
    """Checks the event, its object and `previous_attributes`, in the layout of its API version."""
    if name not in document().content["info"]["x-event-types"]:
        return [("", "no such event type")]
    version = value["api_version"]
    obj, previous = value["data"]["object"], value["data"].get("previous_attributes", {})
    kind = document().schemas[name]["properties"]["object"]["$ref"].rsplit("/", 1)[-1]
    # The document says that the invoice of `invoice.upcoming` has no id, though its schema requires one.
    upcoming = name == "invoice.upcoming"
    found = _object_errors("event", value)
    found += _object_errors(kind, {"id": "", **obj} if upcoming else obj, version)
    if upcoming and "id" in obj:
        found.append(("id", "an upcoming invoice has no id"))
    found += _unknown_keys(obj, "", version)
    fields = schemas(version)[kind]["properties"]
    # An optional field may be absent now, so `previous` is checked against the schema, not the object.
    found += [("previous_attributes", f"{key} is no field of it") for key in previous if key not in fields]
    if name.endswith(".updated") and not previous:
        found.append(("previous_attributes", "missing"))
    return found


CHECKS: dict[str, Callable[[str, Any], Found]] = {
    "request": _check_request,
    "answer": _check_answer,
    "event": _check_event,
}


def _errors(schema: Any, value: Any) -> Found:
    return [("/".join(str(step) for step in error.instance_path), error.message) for error in schema.iter_errors(value)]


def _object_errors(kind: str, value: Any, version: str = API_VERSION) -> Found:
    """The violations of an object. kind: the name of its schema"""
    return [(at.partition("/")[2], text) for at, text in _errors(object_validator(version), {kind: value})]


def _unknown_keys(value: Any, path: str, version: str = API_VERSION) -> Found:
    """Fields that Stripe's objects do not have. The document allows extra fields; the sandbox has none."""
    if isinstance(value, list):
        return [entry for at, inner in enumerate(value) for entry in _unknown_keys(inner, f"{path}/{at}", version)]
    if not isinstance(value, dict):
        return []
    schema = schemas(version).get(str(value.get("object", "")))
    known = schema["properties"].keys() if schema is not None and not value.get("deleted") else value.keys()
    found = [(f"{path}/{key}", "unknown field") for key in value if key not in known]
    return found + [entry for key, inner in value.items() for entry in _unknown_keys(inner, f"{path}/{key}", version)]


@cache
def _answer_kinds(name: str) -> frozenset[str]:
    """The names of the schemas that the operation answers or lists, according to the document."""
    method, template = name.split(" ")
    responses = document().content["paths"][template][method.lower()]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    if "data" in schema.get("properties", {}):
        schema = schema["properties"]["data"]["items"]
    return frozenset(choice["$ref"].rsplit("/", 1)[-1] for choice in schema.get("anyOf", [schema]))
