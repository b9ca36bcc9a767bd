"""An address that two readers could understand differently, or no database could store, goes no further.

A NUL would make PostgreSQL raise. Of a name that comes twice in a query one reader takes the first value, another the
last; no route of ours asks for several.
"""

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from licet.errors import LicetError, NotFound, ValidationFailed
from licet.http.error_responses import answer_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    Query: TypeAlias = list[tuple[str, str]]


class PathCheck:
    """Answers for every route, whatever it makes of its path and query: 404 for the one, 422 for the other.

    What is no UTF-8 was replaced as it was decoded.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, if its address can be looked up."""
        fault = _fault(scope) if scope["type"] == "http" else None
        await (answer_to(fault) if fault else self.app)(scope, receive, send)


def _fault(scope: "Scope") -> LicetError | None:
    if "\0" in scope["path"]:
        return NotFound("There is nothing at this address.")
    if not scope["query_string"]:
        return None
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return _unstorable(query) or _repeated(query)


def _unstorable(query: "Query") -> ValidationFailed | None:
    names = [name.replace("\0", "") for name, value in query if "\0" in name + value]
    return _refusal("The query holds text that cannot be stored.", names, "must hold no NUL")


def _repeated(query: "Query") -> ValidationFailed | None:
    times = Counter(name for name, _ in query)
    names = [name for name, count in times.items() if count > 1]
    return _refusal("The query has a name twice, and nothing says which counts.", names, "must come once")


def _refusal(message: str, names: list[str], fault: str) -> ValidationFailed | None:
    fields = [{"field": name, "message": fault} for name in dict.fromkeys(name[:200] for name in names)]
    return ValidationFailed(message, details={"fields": fields[:50]}) if fields else None
