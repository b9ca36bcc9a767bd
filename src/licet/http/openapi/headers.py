"""The headers that answers carry, as `/openapi.json` tells of them."""

from typing import Any

from licet.http.rate_limits.count import DESCRIBED
from licet.http.request_id import HEADER as REQUEST_ID

REPLAYED_HEADER = "Idempotent-Replayed"

_ON_EVERY = {
    REQUEST_ID: {
        "description": "The id of this request, in our logs too.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    **{name: {"description": says, "schema": {"type": "integer"}} for name, says in DESCRIBED.items()},
}
_SOME = {
    "401": {
        "WWW-Authenticate": {"description": "How to say who is calling.", "schema": {"type": "string"}},
    },
    "429": {"Retry-After": {"description": "Seconds until trying again may help.", "schema": {"type": "integer"}}},
}
_SOME["503"] = _SOME["429"]


def headers_of(status: str) -> dict[str, Any]:
    """What an answer with this status carries, by name."""
    return {**_ON_EVERY, **_SOME.get(status, {})}


def replayed(status: str) -> dict[str, Any]:
    """What the answer to a request under an `Idempotency-Key` may carry besides."""
    if int(status) >= 500:
        return {}
    return {
        REPLAYED_HEADER: {
            "description": "`true`: this is the answer to the first request with this Idempotency-Key.",
            "schema": {"type": "string", "enum": ["true"]},
        }
    }
