"""The headers that answers carry, as `/openapi.json` tells of them."""

from typing import Any

from licet.http.rate_limits.count import DESCRIBED
from licet.http.request_id import HEADER as REQUEST_ID

_ON_EVERY = {
    REQUEST_ID: {"description": "The id of this request, in our logs too.", "schema": {"type": "string"}},
    **{name: {"description": says, "schema": {"type": "integer"}} for name, says in DESCRIBED.items()},
}
_TO_WAIT = {"Retry-After": {"description": "Seconds until trying again may help.", "schema": {"type": "integer"}}}


def headers_of(status: str) -> dict[str, Any]:
    """What an answer with this status carries, by name."""
    return {**_ON_EVERY, **(_TO_WAIT if status in {"429", "503"} else {})}
