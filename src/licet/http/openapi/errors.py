"""The failures of the API as `/openapi.json` tells of them, each with an example."""

from http import HTTPStatus
from typing import Any, TypeAlias

from licet.errors import error_body

Failure: TypeAlias = tuple[int, str] | tuple[int, str, dict[str, Any]]
"""The status, an example of the message, and one of the details where it has any."""

ERROR_SCHEMA: dict[str, Any] = {
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

USUAL: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("malformed_json", "The body is not JSON.", {}),
    401: ("unauthorized", "The API key or token is missing, unknown, expired or revoked.", {}),
    402: ("card_declined", "The card was declined.", {"declineCode": "insufficient_funds"}),
    403: ("forbidden", "The API key's scope is too small.", {}),
    404: ("not_found", "There is no such thing, or it is not this key's to see.", {}),
    413: ("body_too_large", "The body is larger than 1 MiB.", {}),
    415: ("unsupported_media_type", "The body is not sent as application/json.", {}),
    422: (
        "validation_failed",
        "The request does not fit; details.fields says where.",
        {"fields": [{"field": "limit", "message": "input should be less than or equal to 100"}]},
    ),
    429: ("rate_limited", "Too many requests; Retry-After says when to go on.", {}),
    500: ("internal_error", "Something went wrong on our side.", {}),
    502: ("stripe_error", "Stripe refused.", {"stripeRequestId": "req_1QxYz"}),
    503: ("stripe_unavailable", "Stripe cannot be reached; Retry-After says when to try again.", {}),
}
"""By status: the code that it usually has."""


def add_usual(answer: dict[str, Any], status: int) -> None:
    """Adds the usual failure of this status to an answer."""
    code, message, details = USUAL[status]
    add_failure(answer, code, (status, message, details))


def add_missing(answer: dict[str, Any], field: str) -> None:
    """Makes the usual 422 an example of a field that was left out."""
    code, message, _ = USUAL[422]
    add_failure(answer, code, (422, message, {"fields": [{"field": field, "message": "field required"}]}))


def add_failure(answer: dict[str, Any], code: str, failure: Failure) -> None:
    """Adds one failure to an answer, beside those that it has."""
    status = failure[0]
    answer.setdefault("description", HTTPStatus(status).phrase)
    content = answer.setdefault("content", {}).setdefault("application/json", {})
    content["schema"] = {"$ref": "#/components/schemas/Error"}
    content.setdefault("examples", {})[code] = {"value": error_body(status, code, *failure[1:])}
