"""Where requests are counted: outside of all that costs something."""

import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from licet.errors import Unauthorized
from licet.http.credentials import presented
from licet.http.error_responses import answer_to
from licet.http.rate_limits.admission import admission_of, admit, counts_for_nothing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from licet.http.rate_limits.limiter import Limiter


class RateLimits:
    """Counts each request before its body is read and before any query, and says on each answer how the limit stands.

    What is refused still goes on to `Refusal`, which answers in its place: so a 429 gets the headers of any answer.
    """

    def __init__(self, app: "ASGIApp", limiter: "Limiter") -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        admission = admit(scope, self.limiter, _credential(Headers(scope=scope)))
        if not counts_for_nothing(scope):
            await admission.enter()

        async def send_counted(message: "Message") -> None:
            if message["type"] == "http.response.start":
                if message["status"] == Unauthorized.status:
                    self.limiter.forget(admission.credential)
                MutableHeaders(scope=message).update(admission.headers)
            await send(message)

        await self.app(scope, receive, send_counted)


class Refusal:
    """Answers 429 to what was counted once too often."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, unless it was refused."""
        admission = admission_of(scope) if scope["type"] == "http" else None
        refused = admission.refused if admission else None
        await (answer_to(refused) if refused else self.app)(scope, receive, send)


def _credential(headers: Headers) -> bytes | None:
    """The hash of what a request came with; several, or one in a shape that is none, are as good as none."""
    try:
        given = presented(headers)
    except Unauthorized:
        return None
    return hashlib.sha256(given.encode()).digest() if given else None
