"""Limits pages and controls to browsers of this machine, and rejects requests from other sites."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message

    Handler = Callable[[Request], Awaitable[Response]]

# Larger than any real request.
_MAX_BODY_BYTES = 1 << 20

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would make browsers send `Origin: null` with the sandbox's own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded(handler: Handler, base_url: Callable[[], str]) -> Handler:
    """Checks Host (against DNS rebinding) and Origin (against other sites' forms) before the handler."""

    async def check(request: Request) -> Response:
        host = request.headers.get("host", "")
        if not is_allowed_host(host, base_url()):
            return _refuse(f"This sandbox does not serve the host {host[:200]!r}.")
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _refuse("This sandbox accepts no requests from other sites.")
        if origin is None and request.method != "GET" and request.headers.get("sec-fetch-site") == "cross-site":
            return _refuse("This sandbox accepts no requests from other sites.")
        response = await handler(limit_body(request))
        response.headers.update(_HEADERS)
        return response

    return check


def limit_body(request: Request) -> Request:
    """The request; reading a body that is too large raises a 413."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > _MAX_BODY_BYTES:
            raise invalid("Request body is too large.", status=413)
        return message

    return Request(request.scope, receive)


# A name or an IPv4 address, or an IPv6 address in brackets, with or without a port: no user, path or space.
_HOST = re.compile(r"(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?")


def is_allowed_host(host: str, base_url: str) -> bool:
    """True for a loopback name or address, and for the host that the sandbox is bound to."""
    # urlsplit would take `[::1].evil` for ::1, and `evil@127.0.0.1` for 127.0.0.1.
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = (match[1] or match[2]).lower()
    return is_loopback(name) or name == urlsplit(base_url).hostname


def is_loopback(name: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(message: str) -> Response:
    error = {"error": {"type": "invalid_request_error", "message": message}}
    return JSONResponse(error, 403, _HEADERS)
