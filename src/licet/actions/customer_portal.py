"""Stripe's own portal, in which a customer looks after cards, invoices, its details and its subscriptions' end.

Stripe opens it by a configuration, which we make and remember. Plans are not changed there: which change is up and
which is down, when it takes effect and what it costs are rules of ours, which the portal does not know.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

import structlog

from licet.actions.store import find_portal_configuration, write_portal_configuration
from licet.checkout.customers import as_customer
from licet.checkout.redirects import check_redirect
from licet.checkout.store import find_buyer
from licet.errors import NotFound, StripeRefused
from licet.http.context import Context
from licet.stripe_api.calls import time_limit
from licet.stripe_api.once import create_once

log = structlog.get_logger(__name__)

SECONDS = 22.0
"""How long Stripe may take in all for what one caller waits for."""

CONFIGURATION: dict[str, Any] = {
    "metadata": {"licet": "portal"},
    "features": {
        "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "address", "phone"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {
            "enabled": True,
            "mode": "at_period_end",
            "cancellation_reason": {
                "enabled": True,
                "options": [
                    "too_expensive",
                    "missing_features",
                    "switched_service",
                    "unused",
                    "customer_service",
                    "too_complex",
                    "low_quality",
                    "other",
                ],
            },
        },
        "subscription_update": {"enabled": False},
    },
}

KEY = hashlib.sha256(json.dumps(CONFIGURATION, sort_keys=True).encode()).hexdigest()[:32]
"""What it is remembered by: a version of ours that allows something else makes another."""


async def open_portal(ctx: Context, account_id: UUID, return_url: str, *, checked: bool = False) -> str:
    """The address of the account's portal: short-lived, so one is made for each click.

    checked: whether the URL is one of ours. Raises InvalidRedirectUrl, NotFound for an unknown account, and what
    Stripe's door raises.
    """
    if not checked:
        check_redirect("returnUrl", return_url, ctx.settings.redirect_hosts, live=ctx.stripe.live)
    buyer = await find_buyer(ctx.pool, account_id)
    if buyer is None:
        raise NotFound("There is no such account.")

    async def ask(stripe_customer_id: str) -> dict[str, Any]:
        return await _session(ctx, {"customer": stripe_customer_id, "return_url": return_url})

    with time_limit(SECONDS):
        url: str = (await as_customer(buyer, ctx.pool, ctx.stripe, ask))["url"]
    return url


async def _session(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    configuration = await find_portal_configuration(ctx.pool, KEY) or await _make_configuration(ctx)
    try:
        return await ctx.stripe.create("billing_portal.session", {**params, "configuration": configuration})
    except StripeRefused as refused:
        if refused.details.get("param") != "configuration":
            raise
        # Somebody deactivated it in Stripe's dashboard, or it is another Stripe account's.
        log.warning("portal_configuration_is_gone", configuration=configuration)
        fresh = await _make_configuration(ctx, instead_of=configuration)
        return await ctx.stripe.create("billing_portal.session", {**params, "configuration": fresh})


async def _make_configuration(ctx: Context, *, instead_of: str = "") -> str:
    """Made once, however many ask at the same time: they come with the same idempotency key."""
    made = await create_once(
        ctx.stripe, "billing_portal.configuration", CONFIGURATION, f"licet-portal-{KEY}-{instead_of}"
    )
    await write_portal_configuration(ctx.pool, KEY, made["id"])
    configuration_id: str = made["id"]
    return configuration_id
