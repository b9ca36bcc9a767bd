"""The response headers in the OpenAPI document."""

from typing import Any

from licet.http.rate_limits.count import RATE_LIMIT_HEADERS
from licet.http.request_id import REQUEST_ID_HEADER

REPLAYED_HEADER = "Idempotent-Replayed"

_ON_EVERY_RESPONSE = {
    REQUEST_ID_HEADER: {
        "description": "The id of this request, which the log contains too.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    **{name: {"description": text, "schema": {"type": "integer"}} for name, text in RATE_LIMIT_HEADERS.items()},
}
_BY_STATUS = {
    "401": {
        "WWW-Authenticate": {"description": "The authentication scheme.", "schema": {"type": "string"}},
    },
    "429": {"Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}},
}
_BY_STATUS["503"] = _BY_STATUS["429"]


def headers_of(status: str) -> dict[str, Any]:
    """The headers of a response with this status, by name."""
    return {**_ON_EVERY_RESPONSE, **_BY_STATUS.get(status, {})}


def replayed_header(status: str) -> dict[str, Any]:
    """The header that marks a stored response to a request with an `Idempotency-Key`. None with a 5xx."""
    if int(status) >= 500:
        return {}
    return {
        REPLAYED_HEADER: {
            "description": "`true`: this is the stored response to the first request with this Idempotency-Key.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }
