"""The scope of each operation in the OpenAPI document, read from the route's dependencies."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from licet.http.openapi.errors import add_error

_SCOPE_SENTENCES = {
    "read": "Requires a key with the scope `read`, or a token.",
    "write": "Requires a key with the scope `write`, or a token.",
    "admin": "Requires an operator's key, which has the scope `admin`.",
}


def scopes_of(app: FastAPI) -> dict[str, str]:
    """The scope that each operation requires, by operation id. Operations without a scope are left out.

    A dependency that requires a scope has the attribute `scope` (`accounts/auth.py: Require`).
    """
    scopes = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for scope in _scopes(route.dependant):
                scopes[route.name] = scope
    return scopes


def add_scope(operation: dict[str, Any], scope: str) -> None:
    """Adds the scope to the description of an operation and to the example of its 403."""
    operation["description"] = f"{operation['description']}\n\n{_SCOPE_SENTENCES[scope]}"
    message = f"This call needs an API key with the scope {scope}. Send such a key."
    add_error(operation["responses"]["403"], "forbidden", (403, message))


def _scopes(dependant: Dependant) -> Iterator[str]:
    for dependency in dependant.dependencies:
        scope = getattr(dependency.call, "scope", None)
        if scope is not None:
            yield scope
        yield from _scopes(dependency)
