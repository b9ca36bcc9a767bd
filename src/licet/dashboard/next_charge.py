"""Finds an account's next charge. Asks Stripe for the amount if only Stripe can compute it."""

from uuid import UUID

import structlog

from licet.dashboard.core import ExpectedCharge, next_charge, next_renewal
from licet.dashboard.store import list_renewing_subscriptions, list_scheduled_charges
from licet.errors import LicetError
from licet.http.context import Context
from licet.stripe_api.calls import time_limit

log = structlog.get_logger(__name__)

PREVIEW_TIMEOUT_SECONDS = 3.0
"""How long a dashboard waits for Stripe's preview of an invoice."""


async def find_next_charge(ctx: Context, account_id: UUID) -> ExpectedCharge | None:
    """The account's next charge, or None if nothing is charged.

    With a discount or a credit, the amount comes from Stripe. If Stripe is unavailable, it is the sum of the prices,
    which is higher.
    """
    async with ctx.pool.acquire() as conn:
        renewals = [next_renewal(subscription) for subscription in await list_renewing_subscriptions(conn, account_id)]
        scheduled = await list_scheduled_charges(conn, account_id)
    charge = next_charge([*scheduled, *(renewal for renewal in renewals if renewal is not None)])
    if charge is None or charge.preview_subscription_id is None:
        return charge
    return await _preview(ctx, charge, charge.preview_subscription_id)


async def _preview(ctx: Context, charge: ExpectedCharge, stripe_subscription_id: str) -> ExpectedCharge:
    try:
        with time_limit(PREVIEW_TIMEOUT_SECONDS):
            preview = await ctx.stripe.create("invoice_preview", {"subscription": stripe_subscription_id})
    except LicetError as error:
        log.warning("next_charge_not_previewed", subscription=stripe_subscription_id, error=error.code)
        return charge
    return ExpectedCharge(preview["amount_due"], preview["currency"], charge.at)
