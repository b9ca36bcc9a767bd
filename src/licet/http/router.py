"""The router and the id parameter that all features use for their routes."""

from collections.abc import Awaitable, Callable
from email.message import Message
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.routing import APIRoute

from licet.errors import NotFound, NotJson
from licet.http.json_body import parse_json
from licet.http.shapes import EXAMPLE_ID
from licet.kit.ids import as_id


def api_router(prefix: str = "", *, tag: str) -> APIRouter:
    """A router whose routes parse JSON with `json_body.parse_json`.

    A plain `APIRouter` would respond with 422 to a wrong content type, and with 500 to a NUL that reaches PostgreSQL.
    """
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute, generate_unique_id_function=name_of_operation)


def name_of_operation(route: APIRoute) -> str:
    """The operation's name in generated clients."""
    return route.name


class StrictRoute(APIRoute):
    """A route whose body is parsed and checked before FastAPI validates it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, preceded by the strict parser."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def read_first(request: Request) -> Response:
            return await handle(await _JsonRequest.read(request))

        return read_first


def _path_id(text: Annotated[str, Path(alias="id", description="The id, a UUID.", examples=[EXAMPLE_ID])]) -> UUID:
    parsed = as_id(text)
    if parsed is None:
        raise NotFound("Nothing has this id, because it is not a UUID. Check the id.")
    return parsed


PathId = Annotated[UUID, Depends(_path_id)]
"""Route parameter for an `{id}` that is a UUID in the path; 404 for other text.

It comes after the caller's parameter, so that a missing credential gets 401 first."""


class _JsonRequest(Request):
    """A request with an already parsed body. If FastAPI parsed it, every error would become a 400."""

    parsed: Any = None

    @classmethod
    async def read(cls, request: Request) -> "_JsonRequest":
        strict = cls(request.scope, request.receive)
        raw = await strict.body()
        if raw:
            _check_content_type(request)
            strict.parsed = parse_json(raw)
        return strict

    async def json(self) -> Any:
        return self.parsed


def _check_content_type(request: Request) -> None:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    if message.get_content_maintype() != "application" or (subtype != "json" and not subtype.endswith("+json")):
        raise NotJson("Send the body as JSON, with the header Content-Type: application/json.")
