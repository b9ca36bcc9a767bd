"""Middleware that gives each request an id, for its response, its log lines and its changes."""

import re
from typing import TYPE_CHECKING, cast

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from structlog.contextvars import bound_contextvars

from licet.kit.ids import new_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Uses the caller's `X-Request-Id` if it matches `[A-Za-z0-9._-]{1,64}`, else generates one.

    It is the outermost middleware, so that every response has the header.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request with its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else str(new_id())
        scope["licet.request_id"] = request_id

        async def send_with_id(message: "Message") -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


def request_id_of(request: Request) -> str:
    """The id of this request, which is recorded with the changes that it causes."""
    return cast("str", request.scope["licet.request_id"])
