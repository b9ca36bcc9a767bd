"""The answer to what nobody foresaw."""

from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect

from licet.http.error_responses import error_answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("licet.http")


class UnhandledErrors:
    """Logs what a route raises and no handler knows, with its trace, and answers with a bare 500.

    Starlette's own handler stands outside every middleware, and would answer without the headers that they add.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, whatever comes of it."""
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
            # Nobody is left to answer; the log line says so.
            raise
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if started:
                # Half an answer is on its way: only cutting the connection tells the caller that it is not whole.
                raise
            answer = error_answer(
                500,
                "internal_error",
                "Something went wrong on our side, and is logged under this X-Request-Id. Trying again may help.",
            )
            await answer(scope, receive, send)
