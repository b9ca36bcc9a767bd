"""Middleware that logs one line for each request."""

from time import perf_counter
from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_PATH_CHARACTERS = 200
"""The part of a path that is logged. Each pattern of a secret is searched in it."""

log = structlog.get_logger("licet.http")


class AccessLog:
    """Logs method, path, status and duration, but not the query string, which contains secrets in links."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request and logs it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_at = perf_counter()
        status = 0

        async def send_and_note(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            # The client disconnected before it had sent the whole body, so no response can be sent.
            status = 499
        finally:
            client = scope.get("client")
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"][:MAX_PATH_CHARACTERS],
                status=status,
                duration_ms=round((perf_counter() - started_at) * 1000, 1),
                client=client[0] if client else None,
            )
