"""The pages' routes."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import Route

    from licet_sandbox.engine import Engine


class Pages:
    """What stands behind the routes."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine_of = engine

    def routes(self, guard: Callable[..., Any]) -> list[Route]:  # noqa: ARG002
        """Every page, guarded."""
        return []


def static_files() -> StaticFiles:
    """The stylesheet."""
    return StaticFiles(directory=str(resources.files("licet_sandbox.pages").joinpath("static")))
