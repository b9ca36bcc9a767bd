"""Middleware that counts requests and refuses those over a limit, before any expensive work."""

import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from licet.errors import Unauthorized
from licet.http.credentials import find_credential
from licet.http.error_responses import response_to
from licet.http.rate_limits.admission import admission_of, admit, is_unlimited

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from licet.http.rate_limits.limiter import Limiter


class RateLimits:
    """Counts each request before its body is read and before any query, and adds the rate limit headers.

    A request over the limit is passed on to `Refusal`, so that the 429 gets the same headers as other responses.
    """

    def __init__(self, app: "ASGIApp", limiter: "Limiter") -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request and counts it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        admission = admit(scope, self.limiter, _credential(Headers(scope=scope)))
        if not is_unlimited(scope):
            await admission.enter()

        async def send_counted(message: "Message") -> None:
            if message["type"] == "http.response.start":
                if message["status"] == Unauthorized.status:
                    self.limiter.forget(admission.credential)
                MutableHeaders(scope=message).update(admission.headers)
            await send(message)

        await self.app(scope, receive, send_counted)


class Refusal:
    """Responds with 429 to a request over a limit."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request, unless it is over a limit."""
        admission = admission_of(scope) if scope["type"] == "http" else None
        refused = admission.refused if admission else None
        await (response_to(refused) if refused else self.app)(scope, receive, send)


def _credential(headers: Headers) -> bytes | None:
    """The hash of a request's credential; None if it is missing, malformed or not the only one."""
    try:
        credential = find_credential(headers)
    except Unauthorized:
        return None
    return hashlib.sha256(credential.encode()).digest() if credential else None
