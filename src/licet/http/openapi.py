"""The description of the API: OpenAPI 3.1 at `/openapi.json`, every error in its one shape."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from licet.errors import error_body
from licet.http.described_headers import headers_of
from licet.http.rate_limits.rules import NEVER

KEY_HEADER = "Idempotency-Key"
"""A route that has it among its parameters can be asked again (`licet.idempotency`)."""
REPLAYED_HEADER = "Idempotent-Replayed"

_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Error",
    "description": "What every failure looks like, on every path.",
    "required": ["statusCode", "error", "code", "message", "details"],
    "additionalProperties": False,
    "properties": {
        "statusCode": {"type": "integer"},
        "error": {"type": "string", "description": "The status in words."},
        "code": {"type": "string", "description": "Stable, for machines; docs/errors.md says what to do about each."},
        "message": {"type": "string", "description": "For people: what is wrong and what to do next."},
        "details": {
            "type": "object",
            "properties": {
                "fields": {
                    "type": "array",
                    "description": "With code validation_failed: where.",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {
                            "field": {"type": "string", "examples": ["items[0].quantity"]},
                            "message": {"type": "string"},
                        },
                    },
                }
            },
        },
    },
}

_CODES = {
    400: ("malformed_json", "The body is not JSON."),
    401: ("unauthorized", "The API key or token is missing, unknown, expired or revoked."),
    402: ("card_declined", "The card was declined."),
    403: ("forbidden", "The API key's scope is too small."),
    404: ("not_found", "There is no such thing, or it is not this key's to see."),
    409: ("conflict", "It contradicts how things stand."),
    413: ("body_too_large", "The body is larger than 1 MiB."),
    415: ("unsupported_media_type", "The body is not sent as application/json."),
    422: ("validation_failed", "It is well-formed and does not fit; details.fields says where."),
    429: ("rate_limited", "Too many requests; Retry-After says when to go on."),
    500: ("internal_error", "Something went wrong on our side."),
    502: ("stripe_error", "Stripe refused."),
    503: ("stripe_unavailable", "Stripe cannot be reached; Retry-After says when to try again."),
}
_WITH_BODY = (400, 413, 415, 422)
_WITH_KEY = (
    (409, "idempotency_in_progress", "The first request with this Idempotency-Key is still running."),
    (422, "idempotency_key_reused", "This Idempotency-Key came before with another request."),
)
_WITH_TOKENS = ("identity_provider_unavailable", "A token cannot be checked: the identity provider does not answer.")


def responses(*statuses: int, **codes: tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: the failures it has, each with an example.

    statuses: by their usual code; codes: further ones by their own, `empty_cart=(422, "The cart is empty.")`.
    What every route has (429, 500) or its shape implies (413, 415, 422 with a body or a query) is added by itself.
    """
    said = [(status, *_CODES[status]) for status in statuses]
    said += [(status, code, message) for code, (status, message) in codes.items()]
    found: dict[int | str, dict[str, Any]] = {}
    for status, code, message in said:
        _add(found.setdefault(status, {}), status, code, message)
    return found


def describe(app: FastAPI) -> None:
    """Makes `/openapi.json` say what every route has in common. To be called once, when all routes are there."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for fastapis_own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(fastapis_own, None)
    schemas["Error"] = _ERROR_SCHEMA
    for path, operations in found.get("paths", {}).items():
        for operation in operations.values():
            _complete(operation, limited=path not in NEVER)
    return found


def _complete(operation: dict[str, Any], *, limited: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    implied = [429, 500] if limited else [500]
    if operation.get("security"):
        _add(answers.setdefault("503", {}), 503, *_WITH_TOKENS)
    if "requestBody" in operation:
        implied += _WITH_BODY
    elif "422" in answers:
        implied.append(422)
    for status in implied:
        if "HTTPValidationError" in str(answers.get(str(status))):
            answers[str(status)] = {}
        answer = answers.setdefault(str(status), {})
        if "content" not in answer or status in _WITH_BODY:
            _add(answer, status, *_CODES[status])
    if any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", ())):
        _add_replays(answers)
    for said, answer in answers.items():
        answer.setdefault("headers", {}).update(headers_of(said))
    operation["responses"] = dict(sorted(answers.items()))


def _add_replays(answers: dict[str, Any]) -> None:
    for status, code, message in _WITH_KEY:
        _add(answers.setdefault(str(status), {}), status, code, message)
    for said, answer in answers.items():
        if int(said) < 500:
            answer.setdefault("headers", {})[REPLAYED_HEADER] = {
                "description": "`true`: this is the answer to the first request with this Idempotency-Key.",
                "schema": {"type": "string", "enum": ["true"]},
            }


def _add(answer: dict[str, Any], status: int, code: str, message: str) -> None:
    answer.setdefault("description", HTTPStatus(status).phrase)
    content = answer.setdefault("content", {}).setdefault("application/json", {})
    content["schema"] = {"$ref": "#/components/schemas/Error"}
    content.setdefault("examples", {})[code] = {"value": error_body(status, code, message)}
