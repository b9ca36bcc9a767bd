"""Whatever goes wrong, the caller sees one shape (contract, section 1)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from licet.errors import LicetError, MalformedJson, ValidationFailed, error_body

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_MAX_FIELDS = 50
"""A body of a hundred thousand wrong items needs no answer of a hundred thousand lines."""

_SAID = {
    400: ("malformed_json", "The body could not be read as JSON."),
    404: ("not_found", "There is nothing at this address. /openapi.json lists what there is."),
    405: ("method_not_allowed", "This address does not take that method; the Allow header lists those it takes."),
}


class Answered(Exception):
    """No failure: what a request is answered with is known before its route has done anything."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def error_answer(
    status: int,
    code: str,
    message: str,
    details: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The one error shape as an answer."""
    return JSONResponse(error_body(status, code, message, details), status, dict(headers or {}))


def answer_to(error: LicetError) -> JSONResponse:
    """An error of ours as an answer, with the headers that go with its status."""
    headers = {}
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return JSONResponse(error.as_json(), error.status, headers)


def add_error_answers(app: FastAPI) -> None:
    """Handlers for everything but the unforeseen, which `access_log` answers."""
    app.add_exception_handler(LicetError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _starlettes)
    app.add_exception_handler(Answered, _answered)


def field_name(where: Sequence[str | int]) -> str:
    """Pydantic's `("body", "items", 0, "quantity")` as the caller would write it: `items[0].quantity`."""
    name = ""
    for part in where[1:]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name[:200] or str(where[0])


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LicetError)  # noqa: S101 - the handler is registered for this class
    return answer_to(error)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return answer_to(MalformedJson(_SAID[400][1]))
    fields = [{"field": field_name(fault["loc"]), "message": _message(fault)} for fault in faults[:_MAX_FIELDS]]
    return answer_to(
        ValidationFailed("The request does not fit; details.fields says where.", details={"fields": fields})
    )


def _message(fault: Mapping[str, Any]) -> str:
    words = str(fault["msg"]).removeprefix("Value error, ")
    return words[0].lower() + words[1:]


async def _answered(_: Request, answered: Exception) -> Response:
    assert isinstance(answered, Answered)  # noqa: S101 - as above
    return answered.response


async def _starlettes(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = error.status_code
    code, message = _SAID.get(status, (HTTPStatus(status).name.lower(), error.detail))
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
    return error_answer(status, code, message, headers=headers)


def allowed_methods(request: Request) -> list[str]:
    """Every method that some route takes at this address.

    Starlette names those of the first route that matches alone, and GET and POST are two routes.
    """
    asked = {
        "type": "http",
        "path": request.scope["path"],
        "root_path": request.scope.get("root_path", ""),
        "headers": [],
    }
    return [
        method
        for method in _METHODS
        if any(route.matches({**asked, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
