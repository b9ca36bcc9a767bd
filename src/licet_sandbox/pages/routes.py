"""The pages' routes. Every form is plain: POST, then a redirect, or the page again with what is wrong."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

from licet_sandbox.pages.authentication import Authentication
from licet_sandbox.pages.checkout import Checkout
from licet_sandbox.pages.invoices import Invoices
from licet_sandbox.pages.portal.cards import Cards
from licet_sandbox.pages.portal.details import Details
from licet_sandbox.pages.portal.ends import Ends
from licet_sandbox.pages.portal.home import Home
from licet_sandbox.pages.portal.plans import Plans
from licet_sandbox.pages.welcome import Welcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import Route

    from licet_sandbox.engine import Engine
    from licet_sandbox.pages.surface import Handler

_PARTS = (Welcome, Checkout, Invoices, Authentication, Home, Plans, Cards, Ends, Details)


def page_routes(engine: Callable[[], Engine], guard: Callable[[Handler], Handler]) -> list[Route]:
    """Every page, guarded."""
    return [route for part in _PARTS for route in part(engine).routes(guard)]


def static_files() -> StaticFiles:
    """The stylesheet."""
    return StaticFiles(directory=str(resources.files("licet_sandbox.pages").joinpath("static")))
