"""All traffic against Stripe's OpenAPI document: a tool for tests, so `jsonschema_rs` is loaded only when it is used.

`Sandbox(validate=Checker())` has every request, answer and event checked; a violation is kept and `raise_any` tells.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from licet_sandbox.events.rendering import schemas_of
from licet_sandbox.spec.document import API_VERSION, document

if TYPE_CHECKING:
    from collections.abc import Callable

# (operation or event or "error", path inside it) that may break the document, each with its reason. Empty: none does.
EXCEPTIONS: dict[tuple[str, str], str] = {}


class Violations(AssertionError):  # Reads as what it holds.
    """Traffic that Stripe's document does not allow."""


class Checker:
    """Called with ("request" | "answer" | "event", name, value)."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.checked = {"request": 0, "answer": 0, "event": 0}

    def __call__(self, what: str, name: str, value: Any) -> None:
        """Check one; remember what is wrong."""
        self.checked[what] += 1
        found = [(at, text) for at, text in _CHECKS[what](name, value) if (name, at) not in EXCEPTIONS]
        self.violations += [f"{what} {name}: {at}: {text}" for at, text in found]

    def raise_any(self) -> None:
        """Fail over everything found so far, each once."""
        found, self.violations = self.violations, []
        if found:
            raise Violations("\n".join(dict.fromkeys(text[:500] for text in found)))


Found = list[tuple[str, str]]

_LIST = {"object", "data", "has_more", "url"}
_PAGES = {"list": _LIST, "search_result": _LIST | {"next_page"}}


def _check_request(name: str, value: Any) -> Found:
    method, template = name.split(" ")
    operation = document().find_operation(method, template)
    if operation is None:
        return [("", "no such operation")]
    return _errors(_request_validator(name), value)


def _check_answer(name: str, value: Any) -> Found:
    if name == "error":
        return _errors(_validator("error"), value)
    allowed = _PAGES.get(value.get("object"))
    if allowed is None:
        return _check_object(_answer_kinds(name), value)
    found = [] if value.keys() - {"total_count"} == allowed else [("", f"not a {value['object']} object")]
    return found + [entry for inner in value["data"] for entry in _check_object(_answer_kinds(name), inner)]


def _check_object(kinds: frozenset[str], value: Any) -> Found:
    kind = f"deleted_{value.get('object')}" if value.get("deleted") else value.get("object")
    if kind not in kinds:
        return [("", f"a {kind}, not one of {sorted(kinds)}")]
    return _errors(_validator(kind), value) + _unknown_keys(value, "")


def _check_event(name: str, value: Any) -> Found:
    """The event itself, the object in it, and what changed; in the layout of its version."""
    if name not in document().content["info"]["x-event-types"]:
        return [("", "no such event type")]
    version = value["api_version"]
    obj, previous = value["data"]["object"], value["data"].get("previous_attributes", {})
    kind = document().schemas[name]["properties"]["object"]["$ref"].rsplit("/", 1)[-1]
    # In the document's own words the invoice of `invoice.upcoming` has no id, though invoices need one.
    upcoming = name == "invoice.upcoming"
    found = _errors(_validator("event"), value) + _errors(
        _validator(kind, version), {"id": "", **obj} if upcoming else obj
    )
    if upcoming and "id" in obj:
        found.append(("id", "there is none yet"))
    found += _unknown_keys(obj, "", version)
    fields = _schemas(version)[kind]["properties"]
    # An optional field may have gone.
    found += [("previous_attributes", f"{key} is no field of it") for key in previous if key not in fields]
    if name.endswith(".updated") and not previous:
        found.append(("previous_attributes", "missing"))
    return found


_CHECKS: dict[str, Callable[[str, Any], Found]] = {
    "request": _check_request,
    "answer": _check_answer,
    "event": _check_event,
}


def _errors(validator: Any, value: Any) -> Found:
    return [
        ("/".join(str(step) for step in error.instance_path), error.message) for error in validator.iter_errors(value)
    ]


def _unknown_keys(value: Any, path: str, version: str = API_VERSION) -> Found:
    """Fields that Stripe's objects do not have: responses are open in the document, but ours are built from it."""
    if isinstance(value, list):
        return [entry for at, inner in enumerate(value) for entry in _unknown_keys(inner, f"{path}/{at}", version)]
    if not isinstance(value, dict):
        return []
    schema = _schemas(version).get(str(value.get("object", "")))
    known = schema["properties"].keys() if schema is not None and not value.get("deleted") else value.keys()
    found = [(f"{path}/{key}", "unknown field") for key in value if key not in known]
    return found + [entry for key, inner in value.items() for entry in _unknown_keys(inner, f"{path}/{key}", version)]


@cache
def _schemas(version: str) -> dict[str, Any]:
    """The schemas of objects in this version's layout: today's, with what came later undone by the table."""
    return schemas_of(version, document().schemas)


_BASE = "urn:stripe"


def _plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a choice with null, references name the document."""
    if isinstance(schema, list):
        return [_plain(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": _BASE + schema["$ref"]}
    made = {key: _plain(value) for key, value in schema.items() if not (key == "nullable" and value is True)}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


@cache
def _registry(version: str) -> Any:
    """The document, handed over once: it takes much longer than any single schema of it."""
    import jsonschema_rs  # noqa: PLC0415  # A dependency of the tests alone.

    components = {**document().content["components"], "schemas": _schemas(version)}
    return jsonschema_rs.Registry([(_BASE, {"components": _plain(components)})])


def _compile(schema: dict[str, Any], version: str = API_VERSION) -> Any:
    import jsonschema_rs  # noqa: PLC0415  # A dependency of the tests alone.

    return jsonschema_rs.Draft202012Validator(schema, registry=_registry(version))


@cache
def _validator(kind: str, version: str = API_VERSION) -> Any:
    return _compile({"$ref": f"{_BASE}#/components/schemas/{kind}"}, version)


@cache
def _request_validator(name: str) -> Any:
    method, template = name.split(" ")
    found = document().find_operation(method, template)
    return _compile(_plain(found[0].schema) if found is not None else {})


@cache
def _answer_kinds(name: str) -> frozenset[str]:
    """What the document says that this operation answers, or lists: the schemas' names."""
    method, template = name.split(" ")
    responses = document().content["paths"][template][method.lower()]["responses"]
    schema = responses["200"]["content"]["application/json"]["schema"]
    if "data" in schema.get("properties", {}):
        schema = schema["properties"]["data"]["items"]
    return frozenset(choice["$ref"].rsplit("/", 1)[-1] for choice in schema.get("anyOf", [schema]))
