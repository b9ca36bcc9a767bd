"""Middleware that counts requests and refuses those over a limit, before any expensive work."""

import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from licet.errors import Unauthorized
from licet.http.credentials import find_credential, is_token
from licet.http.error_responses import response_to
from licet.http.rate_limits.admission import admission_of, admit, is_unlimited

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from licet.http.rate_limits.admission import Kind
    from licet.http.rate_limits.limiter import Limiter
    from licet.oidc.provider import IdentityProvider


class RateLimits:
    """Counts each request before its body is read and before any query, and adds the rate limit headers.

    Preflight requests are counted and never refused: the response is cheaper than a refusal, and a refused browser
    reports an error of CORS.

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
        headers = Headers(scope=scope)
        credential = _credential(headers)
        token = credential if credential and is_token(credential) else None
        provider: IdentityProvider | None = scope["app"].state.identity_provider

        def identify() -> str | None:
            return provider.find_subject(token) if provider and token else None

        hashed = hashlib.sha256(credential.encode()).digest() if credential else None
        admission = admit(scope, self.limiter, hashed, identify)
        if not is_unlimited(scope):
            await admission.enter(_kind(scope, headers))
        if admission.refused and provider and token:
            # Otherwise, while wrong tokens use up the limit, no request would ever read the keys.
            provider.read_keys_for(token)

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


def _kind(scope: "Scope", headers: Headers) -> "Kind":
    """How a request is counted while it has no credential that is known to be valid."""
    if scope["method"] == "OPTIONS":
        return ":options"
    return ":credentials" if "authorization" in headers or "x-api-key" in headers else ""


def _credential(headers: Headers) -> str | None:
    """A request's credential; None if it is missing, malformed or not the only one."""
    try:
        return find_credential(headers)
    except Unauthorized:
        return None
