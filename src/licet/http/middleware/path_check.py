"""Middleware that refuses paths and queries with NUL characters, and queries with a duplicate name.

PostgreSQL raises an error for NUL. Of a duplicate name one parser takes the first value and another the last, and no
route accepts several.
"""

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from licet.errors import LicetError, NotFound, ValidationFailed
from licet.http.error_responses import response_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    Query: TypeAlias = list[tuple[str, str]]


class PathCheck:
    """Responds with 404 to an invalid path and with 422 to an invalid query, for every route.

    Bytes that are not UTF-8 were already replaced when the path was decoded.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request if its path and query are valid."""
        fault = _fault(scope) if scope["type"] == "http" else None
        await (response_to(fault) if fault else self.app)(scope, receive, send)


def _fault(scope: "Scope") -> LicetError | None:
    if "\0" in scope["path"]:
        return NotFound("There is nothing at this address. Remove the NUL character from it.")
    if not scope["query_string"]:
        return None
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return _unstorable(query) or _repeated(query)


def _unstorable(query: "Query") -> ValidationFailed | None:
    names = [name.replace("\0", "") for name, value in query if "\0" in name + value]
    return _refusal(
        "The query contains text that cannot be stored. Remove NUL characters.", names, "must not contain NUL"
    )


def _repeated(query: "Query") -> ValidationFailed | None:
    occurrences = Counter(name for name, _ in query)
    names = [name for name, count in occurrences.items() if count > 1]
    return _refusal("The query has the same name twice. Send each name once.", names, "must be sent once")


def _refusal(message: str, names: list[str], fault: str) -> ValidationFailed | None:
    fields = [{"field": name, "message": fault} for name in dict.fromkeys(name[:200] for name in names)]
    return ValidationFailed(message, details={"fields": fields[:50]}) if fields else None
