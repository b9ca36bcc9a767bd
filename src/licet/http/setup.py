"""Adds to an application all that its routes share: error handlers, middleware, API reference."""

from fastapi import FastAPI

from licet.config import Settings
from licet.http.docs_page import router as docs
from licet.http.error_responses import add_error_handlers
from licet.http.middleware.access_log import AccessLog
from licet.http.middleware.body_limit import BodyLimit
from licet.http.middleware.client_address import ClientAddress
from licet.http.middleware.cors import Cors
from licet.http.middleware.path_check import PathCheck
from licet.http.middleware.unhandled_errors import UnhandledErrors
from licet.http.openapi.document import add_openapi
from licet.http.rate_limits.limiter import Limiter
from licet.http.rate_limits.middleware import RateLimits, Refusal
from licet.http.request_id import RequestId


def add_conventions(app: FastAPI, settings: Settings, limiter: Limiter | None) -> None:
    """Adds the error handlers, the middleware, `/openapi.json` and `/docs`. limiter None: no rate limits."""
    app.include_router(docs)
    add_error_handlers(app)
    # The middleware that is added last is the outermost.
    app.add_middleware(PathCheck)
    app.add_middleware(BodyLimit)
    app.add_middleware(UnhandledErrors)
    if limiter is not None:
        app.add_middleware(Refusal)
    app.add_middleware(Cors, origins=settings.cors_origins)
    if limiter is not None:
        app.add_middleware(RateLimits, limiter=limiter)
    app.add_middleware(AccessLog)
    app.add_middleware(ClientAddress, trusted=settings.trusted_proxies)
    app.add_middleware(RequestId)
    add_openapi(app)
