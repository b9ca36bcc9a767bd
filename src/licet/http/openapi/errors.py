"""The errors of the API in the OpenAPI document, each with an example."""

from http import HTTPStatus
from typing import Any, TypeAlias

from licet.errors import error_body

ErrorExample: TypeAlias = tuple[int, str] | tuple[int, str, dict[str, Any]]
"""The status, an example of the message, and optionally an example of the details."""

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Error",
    "description": "The body of every error, on every path.",
    "required": ["statusCode", "error", "code", "message", "details"],
    "additionalProperties": False,
    "properties": {
        "statusCode": {"type": "integer"},
        "error": {"type": "string", "description": "The name of the HTTP status."},
        "code": {"type": "string", "description": "Stable, for programs. docs/errors.md says what to do about each."},
        "message": {"type": "string", "description": "For people: what happened and what to do next."},
        "details": {
            "type": "object",
            "properties": {
                "fields": {
                    "type": "array",
                    "description": "With the code validation_failed: the invalid fields.",
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

USUAL_ERRORS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("malformed_json", "The body is not valid JSON. Send valid JSON in UTF-8.", {}),
    401: ("unauthorized", "This API key was revoked. Ask an operator for a new one.", {}),
    402: ("card_declined", "The card was declined.", {"declineCode": "insufficient_funds"}),
    403: ("forbidden", "This call needs an API key with the scope write. Send such a key.", {}),
    404: ("not_found", "There is no such object, or it belongs to another account.", {}),
    413: ("body_too_large", "The body is larger than 1048576 bytes. Send a smaller one.", {}),
    415: (
        "unsupported_media_type",
        "Send the body as JSON, with the header Content-Type: application/json.",
        {},
    ),
    422: (
        "validation_failed",
        "The request is invalid. Correct the fields that details.fields lists.",
        {"fields": [{"field": "limit", "message": "input should be less than or equal to 100"}]},
    ),
    429: ("rate_limited", "Too many requests: at most 60 per minute are allowed. Try again in 12 s.", {}),
    500: (
        "internal_error",
        "An internal error occurred and was logged. Try again; if it happens again, report the X-Request-Id.",
        {},
    ),
    502: ("stripe_error", "Stripe refused the request: No such price.", {"stripeRequestId": "req_1QxYz"}),
    503: ("stripe_unavailable", "Stripe is not available (it did not answer in time). Try again in 5 s.", {}),
}
"""By status: its usual code, with an example of the message and the details."""


def add_usual_error(response: dict[str, Any], status: int) -> None:
    """Adds the usual error of this status to a response."""
    code, message, details = USUAL_ERRORS[status]
    add_error(response, code, (status, message, details))


def add_missing_field(response: dict[str, Any], field: str) -> None:
    """Makes the example of the usual 422 one about a missing field."""
    code, message, _ = USUAL_ERRORS[422]
    add_error(response, code, (422, message, {"fields": [{"field": field, "message": "field required"}]}))


def add_error(response: dict[str, Any], code: str, example: ErrorExample) -> None:
    """Adds one error to the errors of a response."""
    status = example[0]
    response.setdefault("description", HTTPStatus(status).phrase)
    content = response.setdefault("content", {}).setdefault("application/json", {})
    content["schema"] = {"$ref": "#/components/schemas/Error"}
    content.setdefault("examples", {})[code] = {"value": error_body(status, code, *example[1:])}
