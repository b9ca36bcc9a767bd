"""Opens Stripe's customer portal: payment methods, invoices, billing details, cancellation.

Stripe opens the portal with a configuration, which Licet creates once and stores. The portal cannot change the
plan, because it does not know Licet's rules: which change is an upgrade, when it takes effect and what it costs.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

import structlog

from licet.actions.store import find_portal_configuration, write_portal_configuration
from licet.checkout.customers import with_customer
from licet.checkout.redirects import check_redirect
from licet.checkout.store import find_buyer
from licet.errors import NotFound, StripeRefused
from licet.http.context import Context
from licet.stripe_api.calls import time_limit
from licet.stripe_api.once import create_once

log = structlog.get_logger(__name__)

PORTAL_TIMEOUT_SECONDS = 22.0
"""Time limit for all calls to Stripe for one portal session together. A caller waits for them."""

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

CONFIGURATION_KEY = hashlib.sha256(json.dumps(CONFIGURATION, sort_keys=True).encode()).hexdigest()[:32]
"""Identifies the stored configuration. A version of Licet with other contents creates its own."""


async def open_portal(ctx: Context, account_id: UUID, return_url: str, *, checked: bool = False) -> str:
    """The URL of a portal session for the account. It expires soon, so each click needs a new one.

    checked: True if Licet made the return URL itself. Raises InvalidRedirectUrl, NotFound for an unknown account,
    StripeRefused, StripeUnavailable.
    """
    if not checked:
        check_redirect("returnUrl", return_url, ctx.settings.redirect_hosts, live=ctx.stripe.live)
    buyer = await find_buyer(ctx.pool, account_id)
    if buyer is None:
        raise NotFound("There is no such account.")
    with time_limit(PORTAL_TIMEOUT_SECONDS):
        session = await with_customer(
            buyer,
            ctx.pool,
            ctx.stripe,
            lambda customer_id: _create_session(ctx, {"customer": customer_id, "return_url": return_url}),
        )
    url: str = session["url"]
    return url


async def _create_session(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    configuration = await find_portal_configuration(ctx.pool, CONFIGURATION_KEY) or await _create_configuration(ctx)
    try:
        return await ctx.stripe.create("billing_portal.session", {**params, "configuration": configuration})
    except StripeRefused as refused:
        if refused.details.get("param") != "configuration":
            raise
        # It was deactivated in Stripe's dashboard, or it belongs to another Stripe account.
        log.warning("portal_configuration_replaced", configuration=configuration)
        replacement = await _create_configuration(ctx, replaced=configuration)
        return await ctx.stripe.create("billing_portal.session", {**params, "configuration": replacement})


async def _create_configuration(ctx: Context, *, replaced: str = "") -> str:
    """Create the configuration, only once: concurrent callers use the same idempotency key."""
    configuration = await create_once(
        ctx.stripe, "billing_portal.configuration", CONFIGURATION, f"licet-portal-{CONFIGURATION_KEY}-{replaced}"
    )
    configuration_id: str = configuration["id"]
    await write_portal_configuration(ctx.pool, CONFIGURATION_KEY, configuration_id)
    return configuration_id
