"""Limits the size of request bodies, with or without a Content-Length."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from licet.errors import BodyTooLarge
from licet.http.error_responses import response_to

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024
"""The outer limit, for every route. Routes without a key have a smaller one (`http/router.py`)."""


class BodyLimit:
    """Responds with 413 as soon as a route begins to read a body that is too large.

    A route authenticates first, so a request without a credential gets 401 and its body is not read.

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
        refused: BodyTooLarge | None = None
        started = False
        receive_up_to = limit_body(scope, receive, self.max_bytes)

        async def receive_and_note() -> "Message":
            nonlocal refused
            try:
                return await receive_up_to()
            except BodyTooLarge as error:
                refused = error
                raise

        async def send_unless_refused(message: "Message") -> None:
            nonlocal started
            if refused is not None and not started:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, receive_and_note, send_unless_refused)
        except BodyTooLarge:
            if started:
                raise
        if refused is not None and not started:
            await response_to(refused)(scope, receive, send)


def check_length(scope: "Scope", max_bytes: int) -> None:
    """Raises BodyTooLarge if `Content-Length` is too large."""
    length = Headers(scope=scope).get("content-length", "")
    # httptools accepts only digits; with other servers `isascii` prevents int() from getting "²".
    if length.isascii() and length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)


def limit_body(scope: "Scope", receive: "Receive", max_bytes: int) -> "Receive":
    """A `receive` that raises BodyTooLarge: by `Content-Length`, or once too many bytes have arrived."""
    read = 0

    async def receive_up_to() -> "Message":
        nonlocal read
        if read == 0:
            check_length(scope, max_bytes)
        message = await receive()
        read += len(message.get("body", b""))
        if read > max_bytes:
            raise _too_large(max_bytes)
        return message

    return receive_up_to


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes. Send a smaller one.")
