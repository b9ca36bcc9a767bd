"""All that holds on every path, put onto an application in one call."""

from fastapi import FastAPI

from licet.http.access_log import AccessLog
from licet.http.address import StorableAddress
from licet.http.answers import add_error_answers
from licet.http.body_limit import BodyLimit
from licet.http.openapi import describe
from licet.http.request_id import RequestId


def add_conventions(app: FastAPI) -> None:
    """The error shape, request ids, the log line, the body limit and the description."""
    add_error_answers(app)
    # What is added last stands outermost.
    app.add_middleware(StorableAddress)
    app.add_middleware(BodyLimit)
    app.add_middleware(AccessLog)
    app.add_middleware(RequestId)
    describe(app)
