"""All that holds on every path, put onto an application in one call."""

from fastapi import FastAPI

from licet.config import Settings
from licet.http.docs_page import router as docs
from licet.http.error_responses import add_error_answers
from licet.http.middleware.access_log import AccessLog
from licet.http.middleware.body_limit import BodyLimit
from licet.http.middleware.client_address import ClientAddress
from licet.http.middleware.cors import Cors
from licet.http.middleware.path_check import PathCheck
from licet.http.middleware.unhandled_errors import UnhandledErrors
from licet.http.openapi.document import describe
from licet.http.rate_limits.limiter import Limiter
from licet.http.rate_limits.middleware import RateLimits, Refusal
from licet.http.request_id import RequestId


def add_conventions(app: FastAPI, settings: Settings, limiter: Limiter | None) -> None:
    """The error shape, request ids, the log line, how often and from where, the body limit, the description's page."""
    app.include_router(docs)
    add_error_answers(app)
    # What is added last stands outermost.
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
    describe(app)
