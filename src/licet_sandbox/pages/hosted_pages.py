"""Base of all hosted pages: templates, message pages, and waiting for webhooks before a redirect."""

from __future__ import annotations

import asyncio
import contextlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from licet_sandbox.errors import StripeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from licet_sandbox.engine import Engine

    Handler = Callable[[Request], Awaitable[Response]]

# Stripe waits this long for the webhook response before it redirects the buyer.
_WEBHOOK_TIMEOUT_SECONDS = 10


# Messages of a page that a customer is sent back to, by the query parameter `failed`.
_FAILURE_MESSAGES = {
    "3ds": "We could not authenticate your payment method. Please choose a different one and try again.",
    "payment": "The payment with your card on file failed. Please choose a different card and try again.",
}


@cache
def _templates() -> Environment:
    folder = str(resources.files("licet_sandbox.pages").joinpath("templates"))
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)


class HostedPages:
    """Base class of a group of pages."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine_of = engine

    @property
    def _engine(self) -> Engine:
        return self._engine_of()

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each page."""
        raise NotImplementedError

    def routes(self, guard: Callable[[Handler], Handler]) -> list[Route]:
        """The routes of all pages, each wrapped in `guard`."""
        return [
            Route(path, guard(self._with_error_page(handler)), methods=[method])
            for method, path, handler in self.page_table()
        ]

    def _message(self, heading: str, text: str, link: str | None, link_text: str, status: int) -> Response:
        return self._page("message.html", status, heading=heading, text=text, link=link, link_text=link_text)

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(_templates().get_template(template).render(values), status)

    def _with_error_page(self, handler: Handler) -> Handler:
        """Answer an API error, such as a 404, with a message page."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except StripeError as error:
                return self._message("Page not found", str(error), None, "", error.status)

        return handle

    async def _wait_for_webhooks(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WEBHOOK_TIMEOUT_SECONDS):
                await self._engine.deliveries.wait_until_sent()


def redirect(address: str) -> Response:
    """Redirect to the next page, as a GET."""
    return RedirectResponse(address, 303)


def failure_message(request: Request) -> str | None:
    """The error for which the customer was sent back to this page, or None."""
    return _FAILURE_MESSAGES.get(request.query_params.get("failed", ""))
