"""Renders the HTML page that buyers see: a title, a sentence and a link."""

from functools import cache
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    # The address contains the secret, so it is not sent to other sites.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def plain_page(
    status: int, title: str, text: str, *, link: str | None = None, refresh: str | int | None = None
) -> HTMLResponse:
    """Returns the page. link: where "Continue" leads. refresh: the `refresh` meta tag's content, if any."""
    body = _templates().get_template("plain.html").render(title=title, text=text, link=link, refresh=refresh)
    return HTMLResponse(body, status, _HEADERS)


@cache
def _templates() -> Environment:
    folder = str(Path(__file__).parent / "pages")
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
