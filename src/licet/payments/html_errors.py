"""Middleware that responds to errors on the buyer's pages with an HTML page."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

from licet.payments.plain_page import plain_page
from licet.payments.return_pages import HTML_PATHS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ERROR_REFRESH_SECONDS = 30
"""When the page of a 5xx error reloads if the response has no Retry-After."""


class HtmlErrors:
    """Replaces the JSON body of an error with an HTML page on the addresses in `HTML_PATHS`."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["path"] not in HTML_PATHS or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        page: HTMLResponse | None = None

        async def send_page(message: "Message") -> None:
            nonlocal page
            if message["type"] == "http.response.start" and message["status"] >= 400:
                page = _error_page(message["status"], Headers(raw=message["headers"]).get("Retry-After"))
                message = {**message, "headers": _merge_headers(message["headers"], page)}
            elif page is not None:
                if message.get("more_body"):
                    return
                message = {**message, "body": page.body}
            await send(message)

        await self.app(scope, receive, send_page)


def _merge_headers(headers: list[tuple[bytes, bytes]], page: HTMLResponse) -> list[tuple[bytes, bytes]]:
    """The response's headers, replaced by the page's where both have one of the same name."""
    of_page = {name for name, _ in page.raw_headers}
    return [*((name, value) for name, value in headers if name.lower() not in of_page), *page.raw_headers]


def _error_page(status: int, retry_after: str | None) -> HTMLResponse:
    if status == 429:
        text = "This page was opened too often. It refreshes automatically."
        return plain_page(status, "Please wait", text, refresh=retry_after)
    if status >= 500:
        text = "Something went wrong on our side. Nothing is lost. This page refreshes automatically."
        return plain_page(status, "Please wait", text, refresh=retry_after or ERROR_REFRESH_SECONDS)
    return plain_page(
        status, "Page not found", "This link has expired or is incomplete. Check that you have the whole address."
    )
