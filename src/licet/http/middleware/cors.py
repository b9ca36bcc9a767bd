"""Which pages of other sites may call from a browser (contract, section 1)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.middleware.cors import ALL_METHODS, CORSMiddleware
from starlette.responses import Response

from licet.http.error_responses import error_answer
from licet.http.rate_limits.count import DESCRIBED
from licet.http.request_id import HEADER as REQUEST_ID

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = {
    "/api/licenses/validate": "POST",
    "/api/licenses/activate": "POST",
    "/api/licenses/deactivate": "POST",
    "/.well-known/jwks.json": "GET",
}
"""What any page may call: a license key, or nothing, is all that these ask for."""

_SENT = ("Authorization", "Idempotency-Key", "X-API-Key", REQUEST_ID)
_READ = (REQUEST_ID, *DESCRIBED, "Idempotent-Replayed", "Retry-After")


class Cors:
    """Any origin for what is open, the configured ones for all else; cookies are never asked for.

    A preflight is answered here, so that it counts for nothing: the browser sends no key with it.
    """

    def __init__(self, app: "ASGIApp", origins: Sequence[str]) -> None:
        self.app = app
        self.open = {
            path: _OneShape(app, ["*"], [method], _SENT, expose_headers=_READ) for path, method in OPEN.items()
        }
        self.configured = _OneShape(app, origins, ALL_METHODS, _SENT, expose_headers=_READ) if origins else app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request, with what tells the browser whether its page may read the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.open.get(scope["path"], self.configured)(scope, receive, send)


class _OneShape(CORSMiddleware):
    """Starlette's, whose refusals are in plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """204, or 403 in the one error shape."""
        said = super().preflight_response(request_headers)
        told = {name: value for name, value in said.headers.items() if name not in ("content-length", "content-type")}
        if said.status_code == 200:
            return Response(status_code=204, headers=told)
        return error_answer(
            403,
            "cors_refused",
            "Pages of this origin may not send this. LICET_CORS_ORIGINS lists the origins that may.",
            headers=told,
        )
