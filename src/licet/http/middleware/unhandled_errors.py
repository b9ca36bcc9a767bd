"""Middleware that logs an unhandled exception and responds with 500."""

from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect

from licet.http.error_responses import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("licet.http")


class UnhandledErrors:
    """Logs an unhandled exception with its stack trace and responds with 500 and an error body.

    Starlette's own handler runs outside all middleware, so its response would lack the headers that they add.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            # No response can be sent; `AccessLog` logs the request with status 499.
            raise
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if started:
                # Part of the response was sent. Only closing the connection tells the caller that it is incomplete.
                raise
            response = error_response(
                500,
                "internal_error",
                "An internal error occurred and was logged. Try again; if it happens again, report the X-Request-Id.",
            )
            await response(scope, receive, send)
