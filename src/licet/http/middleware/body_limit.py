"""No body is larger than 1 MiB, whether its length is said beforehand or not."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from licet.errors import BodyTooLarge
from licet.http.error_responses import answer_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024


class BodyLimit:
    """Answers 413 before reading where `Content-Length` says too much, else as soon as more has come.

    Whatever a route makes of the broken-off body (FastAPI makes a 400), the answer is 413. Starlette has such a
    middleware too, which answers in plain text.
    """

    def __init__(self, app: "ASGIApp", max_bytes: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, if it is not too large."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        too_large = BodyTooLarge(f"The body is larger than {self.max_bytes} bytes. Send less at once.")
        said = Headers(scope=scope).get("content-length", "")
        # httptools lets only digits through; `isascii` keeps other servers' "²" from int().
        if said.isascii() and said.isdigit() and int(said) > self.max_bytes:
            await answer_to(too_large)(scope, receive, send)
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
            await answer_to(too_large)(scope, receive, send)
