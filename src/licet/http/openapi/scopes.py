"""What a caller's key must hold for each operation, as `/openapi.json` tells it: read off the route's dependencies."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from licet.http.openapi.errors import add_failure

_WHO = {
    "read": "Needs a key with the scope `read`, or a token.",
    "write": "Needs a key with the scope `write`, or a token.",
    "admin": "Needs an operator's key: one with the scope `admin`.",
}


def scopes_of(app: FastAPI) -> dict[str, str]:
    """The scope that each operation needs, by its name; those that need none are not in it.

    A dependency that asks for one has it as its `scope` (`accounts/auth.py: Require`).
    """
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for scope in _scopes(route.dependant):
                found[route.name] = scope
    return found


def say_scope(operation: dict[str, Any], scope: str) -> None:
    """Adds it to an operation's description, and as an example to the refusal."""
    operation["description"] = f"{operation['description']}\n\n{_WHO[scope]}"
    add_failure(operation["responses"]["403"], "forbidden", (403, f"This needs an API key with the scope {scope}."))


def _scopes(dependant: Dependant) -> Iterator[str]:
    for one in dependant.dependencies:
        scope = getattr(one.call, "scope", None)
        if scope is not None:
            yield scope
        yield from _scopes(one)
