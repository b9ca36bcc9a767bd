"""Middleware that refuses paths and queries with NUL characters, and queries with a duplicate name.

PostgreSQL raises an error for NUL. Of a duplicate name one parser takes the first value and another the last, and no
route accepts several. Whether a route knows a name, the route checks (`http/router.py`).
"""

from collections import Counter
from typing import TYPE_CHECKING

from licet.errors import LicetError, NotFound, ValidationFailed
from licet.http.error_responses import response_to
from licet.http.query import Query, query_error, read_query

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MAX_PATH_CHARACTERS = 2048
"""Longer than every address. It is checked before the path is matched with every route."""


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
    if len(scope["path"]) > MAX_PATH_CHARACTERS:
        return NotFound("There is nothing at this address. It is too long.")
    try:
        query = read_query(scope)
    except ValidationFailed as error:
        return error
    return _unstorable(query) or _repeated(query)


def _unstorable(query: Query) -> ValidationFailed | None:
    names = [name.replace("\0", "") for name, value in query if "\0" in name + value]
    message = "The query contains text that cannot be stored. Remove NUL characters."
    return query_error(message, names, "must not contain NUL") if names else None


def _repeated(query: Query) -> ValidationFailed | None:
    occurrences = Counter(name for name, _ in query)
    names = [name for name, count in occurrences.items() if count > 1]
    message = "The query has the same name twice. Send each name once."
    return query_error(message, names, "must be sent once") if names else None
