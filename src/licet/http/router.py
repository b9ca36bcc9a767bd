"""The routers that every feature makes its routes with."""

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
    """A router whose routes read JSON by `json_body.parse_json`.

    A plain `APIRouter` would answer 422 to a wrong content type, and 500 to a NUL that reaches PostgreSQL.
    """
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute)


class StrictRoute(APIRoute):
    """A route whose body is read and checked before FastAPI looks at it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, behind our reading."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def read_first(request: Request) -> Response:
            return await handle(await _JsonRequest.read(request))

        return read_first


def _path_id(written: Annotated[str, Path(alias="id", description="Its id, a UUID.", examples=[EXAMPLE_ID])]) -> UUID:
    found = as_id(written)
    if found is None:
        raise NotFound("There is nothing with this id.")
    return found


PathId = Annotated[UUID, Depends(_path_id)]
"""A route's parameter for the `{id}` in its path, an id of ours; 404 for what can be none.

It stands after the caller's, so that 401 goes first."""


class _JsonRequest(Request):
    """A request whose body was parsed by us. FastAPI turns any error inside its own reading into a 400."""

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
    said = Message()
    said["content-type"] = request.headers.get("content-type", "")
    subtype = said.get_content_subtype()
    if said.get_content_maintype() != "application" or (subtype != "json" and not subtype.endswith("+json")):
        raise NotJson("Send the body as JSON, with the header Content-Type: application/json.")
