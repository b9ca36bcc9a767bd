"""The next charge as exactly as it can be had: our own sum, or Stripe's where only Stripe knows."""

from uuid import UUID

import structlog

from licet.dashboard.core import ExpectedCharge, next_charge, renewal
from licet.dashboard.store import list_attempts, list_renewing
from licet.errors import LicetError
from licet.http.context import Context
from licet.stripe_api.calls import time_limit

log = structlog.get_logger(__name__)

SECONDS = 3.0
"""How long a dashboard waits for Stripe's word on a discount."""


async def find_next_charge(ctx: Context, account_id: UUID) -> ExpectedCharge | None:
    """What is charged next, or None where nothing is.

    Where a discount or a credit counts, Stripe is asked; while it is away the prices' sum stands in, which is more.
    """
    async with ctx.pool.acquire() as conn:
        renewals = [renewal(subscription) for subscription in await list_renewing(conn, account_id)]
        attempts = await list_attempts(conn, account_id)
    found = next_charge([*attempts, *(one for one in renewals if one is not None)])
    if found is None or found.unsure_of is None:
        return found
    return await _asked(ctx, found, found.unsure_of)


async def _asked(ctx: Context, charge: ExpectedCharge, stripe_subscription_id: str) -> ExpectedCharge:
    try:
        with time_limit(SECONDS):
            preview = await ctx.stripe.create("invoice_preview", {"subscription": stripe_subscription_id})
    except LicetError as error:
        log.warning("next_charge_without_discount", subscription=stripe_subscription_id, error=error.code)
        return charge
    return ExpectedCharge(preview["amount_due"], preview["currency"], charge.at)
