"""A NUL in an address never gets as far as PostgreSQL, which stores none and would raise."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from licet.errors import LicetError, NotFound, ValidationFailed
from licet.http.answers import answer_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class StorableAddress:
    """Answers for every route, whatever it makes of its path and query: 404 for the one, 422 for the other.

    Only a NUL has to be looked for: what is no UTF-8 was replaced as it was decoded.
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
    if b"%00" not in scope["query_string"]:
        return None
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = dict.fromkeys(name.replace("\0", "")[:200] for name, value in query if "\0" in name + value)
    fields = [{"field": name, "message": "must hold no NUL"} for name in list(names)[:50]]
    return (
        ValidationFailed("The query holds text that cannot be stored.", details={"fields": fields}) if fields else None
    )
