"""Default return pages: after payment, after a cancelled checkout, after Stripe's portal."""

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

RETURN_PATH = "/payment/return"
CANCELLED_PATH = "/payment/cancelled"
PORTAL_CLOSED_PATH = "/payment/closed"

HTML_PATHS = frozenset({RETURN_PATH, CANCELLED_PATH, PORTAL_CLOSED_PATH})
"""Addresses whose errors are HTML pages (`html_errors.py`)."""

router = APIRouter(include_in_schema=False)

_PAGE_TEXTS: dict[CheckoutOutcome, tuple[str, str]] = {
    "processed": ("Thank you", "Your purchase is complete. You can use it now."),
    "pending": ("Payment in progress", "Your payment is being processed. This page refreshes automatically."),
    "failed": (
        "Purchase not completed",
        "Your payment failed, or you already had a plan and this payment is being refunded.",
    ),
    "expired": ("Checkout expired", "This checkout has expired and you were not charged. Please start again."),
}

_REFRESH_SECONDS = (3, 10, 10, 10, 10, 10, 60)
"""Seconds until a pending page reloads, by how often it has reloaded; the last value repeats. A card payment takes
seconds, a bank debit takes days."""


def seconds_until_refresh(looked: int, per_minute: int) -> int:
    """Seconds until a pending page reloads.

    looked: how often it has reloaded. per_minute: the rate limit, which the reloads stay below.
    """
    if per_minute < 2:
        return WINDOW_SECONDS + 1
    wait = _REFRESH_SECONDS[min(looked, len(_REFRESH_SECONDS) - 1)]
    return wait if looked == 0 else max(wait, math.ceil(WINDOW_SECONDS / (per_minute - 1)))


@router.get(RETURN_PATH)
async def return_page(
    request: Request,
    ctx: Ctx,
    secret: Annotated[str, Query(min_length=1, max_length=255)],
    looked: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """Processes the checkout and shows its outcome. looked: how often the page has reloaded."""
    await limit(request, "process", secret, from_any_address=True)
    try:
        cause = Cause("api_call", request_id_of(request), "the buyer returned from checkout")
        outcome = (await process_return(ctx, secret, cause)).outcome
    except LicetError as error:
        if error.status < 500:
            raise
        # Stripe cannot be reached. Its event arrives later, and the page reloads.
        outcome = "pending"
    title, text = _PAGE_TEXTS[outcome]
    refresh = _refresh(secret, looked, ctx.settings) if outcome == "pending" else None
    return plain_page(200, title, text, link=ctx.settings.app_url, refresh=refresh)


@router.get(CANCELLED_PATH)
async def cancelled_page() -> HTMLResponse:
    """Shown after the buyer left the checkout without paying."""
    return plain_page(200, "Checkout cancelled", "You left the checkout without paying. You were not charged.")


@router.get(PORTAL_CLOSED_PATH)
async def closed_page() -> HTMLResponse:
    """Shown after the customer left Stripe's customer portal."""
    return plain_page(200, "All done", "Your changes in the customer portal are saved.")


def _refresh(secret: str, looked: int, settings: Settings) -> str:
    # The page is requested without a key, so the limit per client address also applies.
    per_minute = min(settings.rate_limit_process_per_minute, settings.rate_limit_per_minute)
    return f"{seconds_until_refresh(looked, per_minute)}; url=?{urlencode({'secret': secret, 'looked': looked + 1})}"
