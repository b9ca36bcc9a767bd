"""What every hosted page does the same way: templates, plain messages, and waiting for webhooks before going on."""

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

# Stripe waits as long for webhooks before it sends the buyer on.
_WAIT_SECONDS = 10


# What the page says that somebody is sent back to.
_FAILURES = {
    "3ds": "We could not authenticate your payment method. Please choose a different one and try again.",
    "payment": "The card on file did not pay. Please choose a different one and try again.",
}


@cache
def _templates() -> Environment:
    folder = str(resources.files("licet_sandbox.pages").joinpath("templates"))
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)


class Surface:
    """The base of a group of pages."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine_of = engine

    @property
    def _engine(self) -> Engine:
        return self._engine_of()

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what answers."""
        raise NotImplementedError

    def routes(self, guard: Callable[[Handler], Handler]) -> list[Route]:
        """Every page, guarded."""
        return [Route(path, guard(self._safely(handler)), methods=[method]) for method, path, handler in self.table()]

    def _message(self, heading: str, text: str, link: str | None, link_text: str, status: int) -> Response:
        return self._page("message.html", status, heading=heading, text=text, link=link, link_text=link_text)

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(_templates().get_template(template).render(values), status)

    def _safely(self, handler: Handler) -> Handler:
        """What is not there gets a page, not a stack trace."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except StripeError as error:
                return self._message("There is nothing here", str(error), None, "", error.status)

        return handle

    async def _sent(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._engine.deliveries.wait_until_sent()


def go(address: str) -> Response:
    """On to the next page, as a GET."""
    return RedirectResponse(address, 303)


def failure(request: Request) -> str | None:
    """Why the customer was sent back to this page, if they were."""
    return _FAILURES.get(request.query_params.get("failed", ""))
