"""Requests that get no response: the faults `timeout` and `lost_answer`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class AnswerLost(Exception):  # The name says what happened.
    """Raised to cut the connection instead of answering, after `seconds` for the client to give up."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds


class Cut(Response):
    """Waits until the client disconnects, at most `seconds`, then cuts the connection.

    The server closes a connection whose body is shorter than its content length. The client sees an incomplete
    response.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs as an ASGI application."""
        del scope
        try:
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except (TimeoutError, asyncio.CancelledError):
            # Cancelled: the server is stopping, and the response is lost as well.
            headers = [(b"content-type", b"application/json"), (b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
