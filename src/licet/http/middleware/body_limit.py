"""Middleware that limits request bodies to 1 MiB, with or without a Content-Length."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from licet.errors import BodyTooLarge
from licet.http.error_responses import response_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024


class BodyLimit:
    """Responds with 413 if `Content-Length` is too large, or as soon as too many bytes have arrived.

    It replaces the route's own response to the truncated body (FastAPI's is a 400). Starlette's middleware for this
    is not used, because it responds in plain text.
    """

    def __init__(self, app: "ASGIApp", max_bytes: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        too_large = BodyTooLarge(f"The body is larger than {self.max_bytes} bytes. Send a smaller one.")
        length = Headers(scope=scope).get("content-length", "")
        # httptools accepts only digits; with other servers `isascii` prevents int() from getting "²".
        if length.isascii() and length.isdigit() and int(length) > self.max_bytes:
            await response_to(too_large)(scope, receive, send)
            return
        read = 0
        started = False

        async def receive_up_to() -> "Message":
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_bytes:
                raise too_large
            return message

        async def send_unless_too_large(message: "Message") -> None:
            nonlocal started
            if read > self.max_bytes and not started:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, receive_up_to, send_unless_too_large)
        except BodyTooLarge:
            if started:
                raise
        if read > self.max_bytes and not started:
            await response_to(too_large)(scope, receive, send)
