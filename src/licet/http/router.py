"""The router and the id parameter that all features use for their routes.

A route's request is checked in this order: credential (401), scope (403), names in the query (422), size (413), content
type (415) and syntax (400) of the body, and then FastAPI validates the values (422). Until the credential is valid, the
body is not read. Source: docs/decisions/request-bodies.md.
"""

from collections.abc import Awaitable, Callable, Iterator
from email.message import Message
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from licet.errors import NotFound, NotJson
from licet.http.json_body import parse_json
from licet.http.middleware.body_limit import MAX_BODY_BYTES, check_length, limit_body
from licet.http.query import check_names
from licet.http.shapes import EXAMPLE_ID
from licet.kit.ids import as_id

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

MAX_BODY_BYTES_WITHOUT_KEY = 16 * 1024
"""The largest body of a route that needs no API key. Such bodies hold a few short texts."""


def api_router(prefix: str = "", *, tag: str) -> APIRouter:
    """A router whose routes parse JSON with `json_body.parse_json`.

    A plain `APIRouter` would respond with 422 to a wrong content type, and with 500 to a NUL that reaches PostgreSQL.
    """
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute, generate_unique_id_function=name_of_operation)


def name_of_operation(route: APIRoute) -> str:
    """The operation's name in generated clients."""
    return route.name


_ANY_QUERY = "licet_any_query"


def any_query(endpoint: Endpoint) -> Endpoint:
    """Lets a route ignore unknown parameters, for an address that browsers are redirected to."""
    setattr(endpoint, _ANY_QUERY, True)
    return endpoint


class StrictRoute(APIRoute):
    """A route that authenticates, then reads and parses the body, before FastAPI validates it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, preceded by the checks."""
        handle: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        dependants = list(_with_dependencies(self.dependant))
        # A dependency that must run before the body is read has this method (`accounts/auth.py`).
        checks = [found for one in dependants if (found := getattr(one.call, "before_body", None)) is not None]
        known = None
        if not getattr(self.endpoint, _ANY_QUERY, False):
            known = frozenset(field.alias for one in dependants for field in one.query_params)
        reads_body = self.body_field is not None
        max_bytes = MAX_BODY_BYTES if checks else MAX_BODY_BYTES_WITHOUT_KEY

        async def check_first(request: Request) -> Response:
            for check in checks:
                await check(request)
            if known is not None:
                check_names(request.scope, known)
            if not reads_body:
                check_length(request.scope, MAX_BODY_BYTES)
                return await handle(request)
            return await handle(await _JsonRequest.read(request, max_bytes))

        return check_first


def _with_dependencies(dependant: Dependant) -> Iterator[Dependant]:
    """A route's parameters, and those of all its dependencies."""
    yield dependant
    for dependency in dependant.dependencies:
        yield from _with_dependencies(dependency)


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
    async def read(cls, request: Request, max_bytes: int) -> "_JsonRequest":
        strict = cls(request.scope, limit_body(request.scope, request.receive, max_bytes))
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
