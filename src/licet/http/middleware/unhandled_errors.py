"""Middleware that logs an unhandled exception and responds with 500, or 503 for the database."""

from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect

from licet.db.unavailable import is_unavailable
from licet.errors import DatabaseUnavailable
from licet.http.error_responses import error_response, response_to

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("licet.http")

DATABASE_RETRY_SECONDS = 5
"""The `Retry-After` while the database is unavailable: about the time in which a server restarts."""


class UnhandledErrors:
    """Logs an unhandled exception with its stack trace and responds with 500 or 503 and an error body.

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
        except Exception as error:
            away = is_unavailable(error)
            if away:
                log.warning(
                    "database_unavailable", method=scope["method"], path=scope["path"], error=type(error).__name__
                )
            else:
                log.exception("request_failed", method=scope["method"], path=scope["path"])
            if started:
                # Part of the response was sent. Only closing the connection tells the caller that it is incomplete.
                raise
            await (_database_unavailable() if away else _internal_error())(scope, receive, send)


def _database_unavailable() -> "Response":
    return response_to(
        DatabaseUnavailable(
            f"The database is not available. Try again in {DATABASE_RETRY_SECONDS} s.",
            retry_after_seconds=DATABASE_RETRY_SECONDS,
        )
    )


def _internal_error() -> "Response":
    return error_response(
        500,
        "internal_error",
        "An internal error occurred and was logged. Try again; if it happens again, report the X-Request-Id.",
    )
