"""Who may use the pages and the controls: this machine's own browser, and no other site through it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message

    Handler = Callable[[Request], Awaitable[Response]]

# More than anybody means to send.
_MOST_BYTES = 1 << 20

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded(handler: Handler, base_url: Callable[[], str]) -> Handler:
    """The handler behind the check of Host (a name rebound to this machine) and Origin (another site's form)."""

    async def check(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not is_our_host(host, base_url()):
            return _refuse(f"This sandbox does not answer to the host {host[:200]!r}.")
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _refuse("This sandbox takes no requests from other sites.")
        if origin is None and request.method != "GET" and request.headers.get("sec-fetch-site") == "cross-site":
            return _refuse("This sandbox takes no requests from other sites.")
        response = await handler(measured(request))
        response.headers.update(_HEADERS)
        return response

    return check


def measured(request: Request) -> Request:
    """The request, whose body raises a 413 as soon as it is too large to be read."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > _MOST_BYTES:
            raise invalid("Request body is too large.", status=413)
        return message

    return Request(request.scope, receive)


def is_our_host(host: str, base_url: str) -> bool:
    """A loopback name or address, or the one that the sandbox was bound to."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and (is_loopback(name) or name == urlsplit(base_url).hostname)


def is_loopback(name: str) -> bool:
    """`localhost`, 127.0.0.0/8 or ::1."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(message: str) -> Response:
    error = {"error": {"type": "invalid_request_error", "message": message}}
    return JSONResponse(error, 403, _HEADERS)
