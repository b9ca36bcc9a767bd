"""Exception handlers: every error becomes a response of the same shape. Source: contract, section 1."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from licet.errors import LicetError, MalformedJson, ValidationFailed, error_body

_MAX_FIELDS = 50
"""The most invalid fields that a response lists, because a body can have a hundred thousand of them."""

_HTTP_ERRORS = {
    400: ("malformed_json", "The body is not valid JSON. Send valid JSON in UTF-8."),
    404: ("not_found", "There is nothing at this address. /openapi.json lists all addresses."),
    405: ("method_not_allowed", "This address does not support the method. Use one that the Allow header lists."),
}


class ResponseReady(Exception):
    """Raised to send a response before the route has run. It is not an error."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def error_response(
    status: int,
    code: str,
    message: str,
    details: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error response from its parts."""
    return JSONResponse(error_body(status, code, message, details), status, dict(headers or {}))


def response_to(error: LicetError) -> JSONResponse:
    """The response to an error, with `WWW-Authenticate` or `Retry-After` if its status needs one."""
    headers = {}
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return JSONResponse(error.as_json(), error.status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Adds the handlers. The middleware `UnhandledErrors` responds to all other exceptions."""
    app.add_exception_handler(LicetError, _licet_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(ResponseReady, _response_ready)


def field_name(location: Sequence[str | int]) -> str:
    """`items[0].quantity` for Pydantic's location `("body", "items", 0, "quantity")`."""
    name = ""
    for part in location[1:]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name[:200] or str(location[0])


async def _licet_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LicetError)  # noqa: S101 - the handler is registered for this class
    return response_to(error)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return response_to(MalformedJson(_HTTP_ERRORS[400][1]))
    fields = [{"field": field_name(fault["loc"]), "message": _message(fault)} for fault in faults[:_MAX_FIELDS]]
    return response_to(
        ValidationFailed(
            "The request is invalid. Correct the fields that details.fields lists.", details={"fields": fields}
        )
    )


def _message(fault: Mapping[str, Any]) -> str:
    sentence = str(fault["msg"]).removeprefix("Value error, ")
    return sentence[0].lower() + sentence[1:]


async def _response_ready(_: Request, error: Exception) -> Response:
    assert isinstance(error, ResponseReady)  # noqa: S101 - as above
    return error.response


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = error.status_code
    code, message = _HTTP_ERRORS.get(status, (HTTPStatus(status).name.lower(), error.detail))
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
    return error_response(status, code, message, headers=headers)


def allowed_methods(request: Request) -> list[str]:
    """All methods that routes support at this address. Each route is matched once.

    Starlette lists only those of the first matching route, and GET and POST are separate routes.
    """
    path = request.scope["path"]
    here = [
        route for route in iter_route_contexts(request.app.routes) if route.path and _pattern(route.path).match(path)
    ]
    return sorted({method for route in here for method in route.methods or ()})


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """The pattern of a route's path, such as `/api/orders/{id}`."""
    return compile_path(path)[0]
