"""The portal's routes, all below `/p/session/{id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.pages.portal.cards import Cards
from licet_sandbox.pages.portal.details import Details
from licet_sandbox.pages.portal.ends import Ends
from licet_sandbox.pages.portal.home import Home
from licet_sandbox.pages.portal.plans import Plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import Route

    from licet_sandbox.engine import Engine
    from licet_sandbox.pages.surface import Handler


def portal_routes(engine: Callable[[], Engine], guard: Callable[[Handler], Handler]) -> list[Route]:
    """Every page, guarded."""
    return [route for part in (Home, Plans, Cards, Ends, Details) for route in part(engine).routes(guard)]
