"""Where a buyer comes back to when the caller named no address: plain pages of ours, which say how it went."""

from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from licet.checkout.returning import Outcome, process
from licet.errors import LicetError, NotFound
from licet.http.context import Ctx
from licet.http.rate_limits.admission import limit
from licet.http.request_id import request_id_of
from licet.kit.cause import Cause

RETURN = "/payment/return"
CANCELLED = "/payment/cancelled"
CLOSED = "/payment/closed"

router = APIRouter(include_in_schema=False)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    # The secret in the address is told to nobody.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_SAID: dict[Outcome, tuple[str, str]] = {
    "processed": ("Thank you", "Your payment has arrived, and everything is ready."),
    "pending": ("One moment", "Your payment is on its way. This page looks again by itself."),
    "failed": ("That did not work", "Your payment did not go through, or was not needed and is being returned."),
    "expired": ("Too late", "This checkout has expired, and nothing was charged. Please start again."),
}


@router.get(RETURN)
async def come_back(
    request: Request, ctx: Ctx, secret: Annotated[str, Query(min_length=1, max_length=255)]
) -> HTMLResponse:
    """Says what became of the checkout, having done what its event would do."""
    await limit(request, "process", secret)
    try:
        cause = Cause("api_call", request_id_of(request), "the buyer came back")
        outcome = (await process(ctx, secret, cause)).outcome
    except NotFound:
        return _page(404, "There is nothing here", "This address has expired, or was not copied whole.", None)
    except LicetError as error:
        if error.status < 500:
            raise
        # Stripe is away: the event will come, and so will the buyer's next look.
        outcome = "pending"
    title, text = _SAID[outcome]
    return _page(200, title, text, ctx.settings.app_url, again=outcome == "pending")


@router.get(CANCELLED)
async def cancelled() -> HTMLResponse:
    """The buyer went back without paying."""
    return _page(200, "Nothing was charged", "You left the checkout without paying.", None)


@router.get(CLOSED)
async def closed() -> HTMLResponse:
    """The customer has left Stripe's portal."""
    return _page(200, "All done", "Your changes are saved.", None)


def _page(status: int, title: str, text: str, link: str | None, *, again: bool = False) -> HTMLResponse:
    body = _templates().get_template("plain.html").render(title=title, text=text, link=link, again=again)
    return HTMLResponse(body, status, _HEADERS)


@cache
def _templates() -> Environment:
    folder = str(Path(__file__).parent / "pages")
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
