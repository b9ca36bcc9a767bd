"""The pages' routes. A form answers with a redirect, or with the page again and the error."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

from licet_sandbox.pages.authentication import Authentication
from licet_sandbox.pages.checkout import Checkout
from licet_sandbox.pages.hosted_pages import HostedPages
from licet_sandbox.pages.invoices import Invoices
from licet_sandbox.pages.portal.cancellations import Cancellations
from licet_sandbox.pages.portal.cards import Cards
from licet_sandbox.pages.portal.details import Details
from licet_sandbox.pages.portal.home import Home
from licet_sandbox.pages.portal.pauses import Pauses
from licet_sandbox.pages.portal.plans import Plans
from licet_sandbox.spec.document import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from licet_sandbox.engine import Engine
    from licet_sandbox.pages.hosted_pages import Handler

_WELCOME_TEXT = (
    f"This sandbox serves Stripe's API below /v1, in version {API_VERSION}, to any key that begins with sk_test_. "
    "Below /_sandbox, you control what buyers, banks and the clock do. "
    "Objects of the API link to the pages of Checkout, invoices and the customer portal."
)


class Welcome(HostedPages):
    """The page at the sandbox's root address."""

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of the page."""
        return [("GET", "/", self.show)]

    async def show(self, _: Request) -> Response:
        """What the sandbox serves, and where."""
        return self._message("Stripe sandbox", _WELCOME_TEXT, "/_sandbox/clock", "Show the clock", 200)


_PAGE_GROUPS = (Welcome, Checkout, Invoices, Authentication, Home, Plans, Cards, Cancellations, Pauses, Details)


def page_routes(engine: Callable[[], Engine], guard: Callable[[Handler], Handler]) -> list[Route]:
    """The routes of all pages, each wrapped in `guard`."""
    return [route for group in _PAGE_GROUPS for route in group(engine).routes(guard)]


def static_files() -> StaticFiles:
    """The stylesheet."""
    return StaticFiles(directory=str(resources.files("licet_sandbox.pages").joinpath("static")))
