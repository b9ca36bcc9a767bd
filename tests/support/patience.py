"""The time limits of tests, long enough that a busy machine fails none of them.

Nothing here measures speed. A test waits for a condition, with `PATIENCE_SECONDS` as its only limit. While tests run,
the product's own time limits, which a test reaches only on a slow machine, are raised to the same value. A test of such
a limit sets it itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import pytest

PATIENCE_SECONDS = 600.0

LICET_LIMITS = (
    "licet.admin.health:DATABASE_TIMEOUT_SECONDS",
    "licet.db.pool:ACQUIRE_TIMEOUT_SECONDS",
    "licet.db.pool:COMMAND_TIMEOUT_SECONDS",
    "licet.db.pool:LOCK_TIMEOUT_SECONDS",
    "licet.db.pool:STATEMENT_TIMEOUT_SECONDS",
    "licet.stripe_events.routes:EVENT_WAIT_SECONDS",
    "licet.actions.customer_portal:PORTAL_TIMEOUT_SECONDS",
    "licet.actions.payment_methods:PAYMENT_METHOD_TIMEOUT_SECONDS",
    "licet.actions.plans.preview:CHANGE_TIMEOUT_SECONDS",
    "licet.actions.subscriptions.lock:CHANGE_TIMEOUT_SECONDS",
    "licet.actions.subscriptions.lock:LEASE_WAIT_SECONDS",
    "licet.checkout.actions:CHECKOUT_TIMEOUT_SECONDS",
    "licet.checkout.returning:RETURN_WAIT_SECONDS",
    "licet.dashboard.next_charge:PREVIEW_TIMEOUT_SECONDS",
    "licet.http.rate_limits.redis:REDIS_TIMEOUT_SECONDS",
    "licet.mail.smtp:SMTP_TOTAL_SECONDS",
    "licet.oidc.published:OIDC_TIMEOUT_SECONDS",
    "licet.outgoing_webhooks.transport.allowed_targets:_LOOKUP_TIMEOUT_SECONDS",
    "licet.queue.worker:JOB_TIMEOUT_SECONDS",
    "licet.stripe_api.calls:CALL_TIMEOUT_SECONDS",
)
"""Constants, as `module:name`, that tests replace by `PATIENCE_SECONDS`."""

SANDBOX_LIMITS = (
    "licet_sandbox.events.delivery:TIMEOUT_SECONDS",
    "licet_sandbox.pages.hosted_pages:_WEBHOOK_TIMEOUT_SECONDS",
    "licet_sandbox.timekeeper:_CALLBACK_TIMEOUT_SECONDS",
)

RETRIES_QUICKER_BY = 20
"""Failed calls to Stripe are retried as often as in production; the waits are divided by this."""


@contextmanager
def raised_limits(limits: Sequence[str]) -> Iterator[pytest.MonkeyPatch]:
    """Raises these limits while the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in limits:
            module, _, name = limit.partition(":")
            patch.setattr(import_module(module), name, PATIENCE_SECONDS)
        yield patch


@contextmanager
def raised_limits_of_licet() -> Iterator[None]:
    """Raises Licet's limits, and shortens the waits between attempts of a call to Stripe.

    Whether a failure is retried depends on the time that is left. Here it depends only on the real limit, not on the
    time that earlier attempts took.
    """
    calls = import_module("licet.stripe_api.calls")
    retries = import_module("licet.stripe_api.retries")
    with raised_limits(LICET_LIMITS) as patch:

        def wait_before_retry(failure: object, tries: int, seconds_left: float, random: object) -> float | None:
            left = min(seconds_left, retries.CALL_TIMEOUT_SECONDS)
            wait: float | None = retries.wait_before_retry(failure, tries, left, random)
            return None if wait is None else wait / RETRIES_QUICKER_BY

        patch.setattr(calls, "wait_before_retry", wait_before_retry)
        sender = import_module("licet.outgoing_webhooks.transport.sender")
        patch.setitem(sender.WebhookSender.__init__.__kwdefaults__, "timeout_seconds", PATIENCE_SECONDS)
        yield
