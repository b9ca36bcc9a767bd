"""Middleware for CORS: which origins may call the API from a browser. Source: contract, section 1."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.middleware.cors import ALL_METHODS, CORSMiddleware
from starlette.responses import Response

from licet.http.error_responses import error_response
from licet.http.rate_limits.count import RATE_LIMIT_HEADERS
from licet.http.request_id import REQUEST_ID_HEADER

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN_PATHS = {
    "/api/licenses/validate": "POST",
    "/api/licenses/activate": "POST",
    "/api/licenses/deactivate": "POST",
    "/.well-known/jwks.json": "GET",
}
"""The paths that any origin may call. They need only a license key, or no credential."""

_REQUEST_HEADERS = ("Authorization", "Idempotency-Key", "X-API-Key", REQUEST_ID_HEADER)
_RESPONSE_HEADERS = (REQUEST_ID_HEADER, *RATE_LIMIT_HEADERS, "Idempotent-Replayed", "Retry-After")


_BODY_HEADERS = ("content-length", "content-type")


class Cors:
    """Allows any origin on the open paths and the configured origins on all others, without cookies.

    Preflight requests end here, so that no rate limit counts them: a browser sends no key with them.
    """

    def __init__(self, app: "ASGIApp", origins: Sequence[str]) -> None:
        self.app = app
        self.open = {
            path: _JsonCors(app, ["*"], [method], _REQUEST_HEADERS, expose_headers=_RESPONSE_HEADERS)
            for path, method in OPEN_PATHS.items()
        }
        self.configured = (
            _JsonCors(app, origins, ALL_METHODS, _REQUEST_HEADERS, expose_headers=_RESPONSE_HEADERS) if origins else app
        )

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request and adds the CORS headers to the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.open.get(scope["path"], self.configured)(scope, receive, send)


class _JsonCors(CORSMiddleware):
    """Starlette's middleware, with JSON instead of plain text for a refused preflight."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Responds with 204, or with 403 and an error body."""
        plain = super().preflight_response(request_headers)
        headers = {name: value for name, value in plain.headers.items() if name not in _BODY_HEADERS}
        if plain.status_code == 200:
            return Response(status_code=204, headers=headers)
        return error_response(
            403,
            "cors_refused",
            "This origin, method or header is not allowed. Add the origin to LICET_CORS_ORIGINS.",
            headers=headers,
        )
