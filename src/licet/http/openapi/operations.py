"""Adds the errors, headers and examples that routes share to the operations of the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from licet.http.openapi.errors import ErrorExample, add_error, add_missing_field, add_usual_error
from licet.http.openapi.examples import alternatives
from licet.http.openapi.headers import headers_of, replayed_header

KEY_HEADER = "Idempotency-Key"
"""The header parameter of routes that support idempotent requests (`licet.idempotency`)."""

RAW_BODY = "x-raw-body"
"""Set in the `openapi_extra` of a route that reads its body as bytes of any type. It is removed from the document."""

_EVERYWHERE = (413, 422, 500)
"""A body that is too large, an invalid query and an internal error are possible on every path."""
_WITH_BODY = (400, 415)
_IDEMPOTENCY_ERRORS: dict[str, ErrorExample] = {
    "idempotency_in_progress": (
        409,
        "The first request with this Idempotency-Key is still running. Send the same request again in a moment.",
    ),
    "idempotency_key_reused": (
        422,
        "This Idempotency-Key was used for another request. Send each request with its own key.",
    ),
}
_IDENTITY_PROVIDER_UNAVAILABLE: ErrorExample = (
    503,
    "The keys of the identity provider cannot be read, so this token cannot be verified. Try again in 10 s, or send an "
    "API key.",
)
_DATABASE_UNAVAILABLE: ErrorExample = (503, "The database is not available. Try again in 5 s.")
_WITHOUT_DATABASE = frozenset({"healthz", "readyz"})
"""Operations that need no database, or report its state with another code."""


def complete(operation: dict[str, Any], schemas: dict[str, Any], *, limited: bool) -> None:
    """Adds to an operation its examples, implied errors and response headers.

    limited: whether a rate limit applies to it.
    """
    responses: dict[str, Any] = operation["responses"]
    idempotent = any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", ()))
    _drop_null_types(operation)
    _add_examples(operation, schemas)
    _add_errors(operation, schemas, idempotent=idempotent, limited=limited)
    for status, response in responses.items():
        response.setdefault("headers", {}).update(headers_of(status) | (replayed_header(status) if idempotent else {}))
    operation["responses"] = dict(sorted(responses.items()))


def _add_errors(operation: dict[str, Any], schemas: dict[str, Any], *, idempotent: bool, limited: bool) -> None:
    responses: dict[str, Any] = operation["responses"]
    raw = operation.pop(RAW_BODY, False)
    implied = _EVERYWHERE + ((429,) if limited else ())
    for status in implied + (_WITH_BODY if "requestBody" in operation and not raw else ()):
        response = responses.setdefault(str(status), {})
        if "HTTPValidationError" in str(response):
            response.clear()
        add_usual_error(response, status)
    missing = _required_name(operation, schemas)
    if missing is not None:
        add_missing_field(responses["422"], missing)
    further = dict(_IDEMPOTENCY_ERRORS) if idempotent else {}
    if operation.get("security"):
        further["identity_provider_unavailable"] = _IDENTITY_PROVIDER_UNAVAILABLE
    if operation["operationId"] not in _WITHOUT_DATABASE:
        further["database_unavailable"] = _DATABASE_UNAVAILABLE
    for code, example in further.items():
        add_error(responses.setdefault(str(example[0]), {}), code, example)


def _required_name(operation: dict[str, Any], schemas: dict[str, Any]) -> str | None:
    """The name of one required field or query parameter, or None."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        named = schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        if named.get("required"):
            return str(named["required"][0])
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and parameter.get("required"):
            return str(parameter["name"])
    return None


def _drop_null_types(operation: dict[str, Any]) -> None:
    """Removes the type null, by which FastAPI marks optional parameters and bodies.

    None of them can be null.
    """
    body = operation.get("requestBody", {"content": {}})
    for holder in [*operation.get("parameters", ()), *body["content"].values()]:
        schema = holder["schema"]
        types = [type_ for type_ in schema.pop("anyOf", ()) if type_ != {"type": "null"}]
        schema |= types[0] if len(types) == 1 else {"anyOf": types} if types else {}


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Adds examples to the request body, if it has none, and to the successful responses."""
    bodies = []
    for status, response in operation["responses"].items():
        if int(status) < 400:
            response["description"] = HTTPStatus(int(status)).phrase
            bodies.append(response)
    bodies += [operation["requestBody"]] if "requestBody" in operation else []
    for body in bodies:
        for content in body.get("content", {}).values():
            # FastAPI's title repeats the name of the operation.
            content["schema"].pop("title", None)
            if "example" not in content and "examples" not in content:
                examples = alternatives(content["schema"], schemas)
                content["examples"] = {name: {"value": value} for name, value in examples.items()}
