"""Every request has an id: in the answer, in each log line, and in the cause of what it changed."""

import re
from typing import TYPE_CHECKING, cast

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from structlog.contextvars import bound_contextvars

from licet.kit.ids import new_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Takes the caller's `X-Request-Id` where it is `[A-Za-z0-9._-]{1,64}`, else makes one.

    It stands outside everything else, so that no answer goes without.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request under its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else str(new_id())
        scope["licet.request_id"] = request_id

        async def send_with_id(message: "Message") -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


def request_id_of(request: Request) -> str:
    """The id of this request, for the cause of what it changes."""
    return cast("str", request.scope["licet.request_id"])
