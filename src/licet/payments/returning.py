"""Where a buyer comes back to when the caller named no address: plain pages of ours, which say how it went."""

import math
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from licet.checkout.returning import CheckoutOutcome, process_return
from licet.config import Settings
from licet.errors import LicetError
from licet.http.context import Ctx
from licet.http.rate_limits.admission import limit
from licet.http.rate_limits.rules import WINDOW_SECONDS
from licet.http.request_id import request_id_of
from licet.kit.cause import Cause
from licet.payments.plain_page import plain_page

RETURN = "/payment/return"
CANCELLED = "/payment/cancelled"
CLOSED = "/payment/closed"

PAGES = frozenset({RETURN, CANCELLED, CLOSED})
"""What fails at these addresses is told in words (`in_words.py`)."""

router = APIRouter(include_in_schema=False)

_SAID: dict[CheckoutOutcome, tuple[str, str]] = {
    "processed": ("Thank you", "Your payment has arrived, and everything is ready."),
    "pending": ("One moment", "Your payment is on its way. This page looks again by itself."),
    "failed": ("That did not work", "Your payment did not go through, or was not needed and is being returned."),
    "expired": ("Too late", "This checkout has expired, and nothing was charged. Please start again."),
}

_WAITS = (3, 10, 10, 10, 10, 10, 60)
"""Seconds until a pending page looks again, by how often it has; the last holds from then on. A card takes moments, a
bank debit days."""


def next_look(looked: int, per_minute: int) -> int:
    """In how many seconds, so that of `per_minute` looks that are allowed in a minute there is always one left."""
    if per_minute < 2:
        return WINDOW_SECONDS + 1
    wait = _WAITS[min(looked, len(_WAITS) - 1)]
    return wait if looked == 0 else max(wait, math.ceil(WINDOW_SECONDS / (per_minute - 1)))


@router.get(RETURN)
async def come_back(
    request: Request,
    ctx: Ctx,
    secret: Annotated[str, Query(min_length=1, max_length=255)],
    looked: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """Says what became of the checkout, having done what its event would do. looked: how often the page has before."""
    await limit(request, "process", secret)
    try:
        cause = Cause("api_call", request_id_of(request), "the buyer came back")
        outcome = (await process_return(ctx, secret, cause)).outcome
    except LicetError as error:
        if error.status < 500:
            raise
        # Stripe is away: the event will come, and so will the buyer's next look.
        outcome = "pending"
    title, text = _SAID[outcome]
    refresh = _refresh(secret, looked, ctx.settings) if outcome == "pending" else None
    return plain_page(200, title, text, link=ctx.settings.app_url, refresh=refresh)


@router.get(CANCELLED)
async def cancelled() -> HTMLResponse:
    """The buyer went back without paying."""
    return plain_page(200, "Nothing was charged", "You left the checkout without paying.")


@router.get(CLOSED)
async def closed() -> HTMLResponse:
    """The customer has left Stripe's portal."""
    return plain_page(200, "All done", "Your changes are saved.")


def _refresh(secret: str, looked: int, settings: Settings) -> str:
    # It comes without a key, so that its address is counted as well.
    per_minute = min(settings.rate_limit_process_per_minute, settings.rate_limit_per_minute)
    return f"{next_look(looked, per_minute)}; url=?{urlencode({'secret': secret, 'looked': looked + 1})}"
