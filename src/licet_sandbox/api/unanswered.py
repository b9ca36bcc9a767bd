"""Answers that never come: faults on request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class AnswerLost(Exception):  # Reads as what happened.
    """The connection is to be cut instead of answered; after waiting `seconds` for the client to give up."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds


class Cut(Response):
    """Waits until the client gives up, for so many seconds at most; then cuts the connection.

    The server closes a connection whose answer promises more than it brings: so the client sees the beginning of one
    and no end.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        del scope
        try:
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except (TimeoutError, asyncio.CancelledError):
            # Cancelled: the server stops, which is one more way for an answer to be lost.
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
