"""What an operation has in common with others, as `/openapi.json` tells of it: its route need not say it."""

from http import HTTPStatus
from typing import Any

from licet.http.openapi.errors import Failure, add_failure, add_missing, add_usual
from licet.http.openapi.examples import alternatives
from licet.http.openapi.headers import headers_of, replayed

KEY_HEADER = "Idempotency-Key"
"""A route that has it among its parameters can be asked again (`licet.idempotency`)."""

RAW_BODY = "x-raw-body"
"""In a route's `openapi_extra`: it takes its body as bytes, whatever their type. It stays out of the description."""

_EVERYWHERE = (413, 422, 500)
"""A body too large, a NUL in the address, and what nobody foresaw can befall any path."""
_WITH_BODY = (400, 415)
_ONCE: dict[str, Failure] = {
    "idempotency_in_progress": (409, "The first request with this Idempotency-Key is still running."),
    "idempotency_key_reused": (422, "This Idempotency-Key came before with another request."),
}
_NO_TOKEN_CHECKED: Failure = (503, "A token cannot be checked: the identity provider does not answer.")


def complete(operation: dict[str, Any], schemas: dict[str, Any], *, limited: bool) -> None:
    """Adds examples, the failures that its shape implies, and the headers of each answer. limited: by a rate limit."""
    answers: dict[str, Any] = operation["responses"]
    again = any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", ()))
    _say_what_may_be_left_out(operation)
    _add_examples(operation, schemas)
    _add_failures(operation, schemas, again=again, limited=limited)
    for status, answer in answers.items():
        answer.setdefault("headers", {}).update(headers_of(status) | (replayed(status) if again else {}))
    operation["responses"] = dict(sorted(answers.items()))


def _add_failures(operation: dict[str, Any], schemas: dict[str, Any], *, again: bool, limited: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    raw = operation.pop(RAW_BODY, False)
    implied = _EVERYWHERE + ((429,) if limited else ())
    for status in implied + (_WITH_BODY if "requestBody" in operation and not raw else ()):
        answer = answers.setdefault(str(status), {})
        if "HTTPValidationError" in str(answer):
            answer.clear()
        add_usual(answer, status)
    missing = _needed(operation, schemas)
    if missing is not None:
        add_missing(answers["422"], missing)
    further = dict(_ONCE) if again else {}
    if operation.get("security"):
        further["identity_provider_unavailable"] = _NO_TOKEN_CHECKED
    for code, failure in further.items():
        add_failure(answers.setdefault(str(failure[0]), {}), code, failure)


def _needed(operation: dict[str, Any], schemas: dict[str, Any]) -> str | None:
    """The name of something that must be sent, None where nothing must."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        named = schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        if named.get("required"):
            return str(named["required"][0])
    queries = (one for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required"))
    return next((one["name"] for one in queries), None)


def _say_what_may_be_left_out(operation: dict[str, Any]) -> None:
    """FastAPI calls it null, which no query or header can be; and a body of null is none."""
    body = operation.get("requestBody", {"content": {}})
    for holder in [*operation.get("parameters", ()), *body["content"].values()]:
        schema = holder["schema"]
        kept = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
        schema |= kept[0] if len(kept) == 1 else {"anyOf": kept} if kept else {}


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """To the body that is asked for, where it has none, and to what is answered when all goes well."""
    bodies = []
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            answer["description"] = HTTPStatus(int(status)).phrase
            bodies.append(answer)
    bodies += [operation["requestBody"]] if "requestBody" in operation else []
    for body in bodies:
        for content in body.get("content", {}).values():
            # FastAPI's title is the operation's name again.
            content["schema"].pop("title", None)
            if "example" not in content and "examples" not in content:
                found = alternatives(content["schema"], schemas)
                content["examples"] = {name: {"value": value} for name, value in found.items()}
