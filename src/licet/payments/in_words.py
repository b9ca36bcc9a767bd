"""What fails on a page for people is told in words, whoever refused it: its route, a limit, or nobody foresaw it."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

from licet.payments.plain_page import plain_page
from licet.payments.returning import PAGES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

AGAIN_SECONDS = 30
"""When a page looks again after a fault of ours that says no better time."""


class HtmlErrors:
    """Puts a page in the place of the one error shape, on addresses that a browser is sent to. Its headers stay."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["path"] not in PAGES or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        page: HTMLResponse | None = None

        async def send_in_words(message: "Message") -> None:
            nonlocal page
            if message["type"] == "http.response.start" and message["status"] >= 400:
                page = _page(message["status"], Headers(raw=message["headers"]).get("Retry-After"))
                message = {**message, "headers": _with_headers_of(page, message["headers"])}
            elif page is not None:
                if message.get("more_body"):
                    return
                message = {**message, "body": page.body}
            await send(message)

        await self.app(scope, receive, send_in_words)


def _with_headers_of(page: HTMLResponse, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name for name, _ in page.raw_headers}
    return [*((name, value) for name, value in headers if name.lower() not in own), *page.raw_headers]


def _page(status: int, retry_after: str | None) -> HTMLResponse:
    if status == 429:
        text = "This page was asked for too often. It looks again by itself."
        return plain_page(status, "One moment", text, refresh=retry_after)
    if status >= 500:
        text = "Something went wrong on our side. Nothing is lost: this page looks again by itself."
        return plain_page(status, "One moment", text, refresh=retry_after or AGAIN_SECONDS)
    return plain_page(status, "There is nothing here", "This address has expired, or was not copied whole.")
