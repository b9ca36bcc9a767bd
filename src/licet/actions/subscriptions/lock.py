"""Serialises changes to one subscription with a lease row; each holder reads it again first.

A caller acquires the subscription's lease before it changes anything. The lease is a row: no connection and no lock is
held during calls to Stripe. The caller releases it after Stripe's answer is applied, so that the next caller sees the
new state and checks its quote against that. A lease lasts longer than its holder may take. If the holder crashes, the
lease expires, and the caller that takes it over reads the subscription from Stripe first.

Stripe's dashboard and portal change subscriptions too, without a lease. Stripe then refuses what such a change has made
impossible, for example an update of a schedule that was released a moment ago. `retry_if_changed` reads the
subscription after a refusal and retries if it has changed. It may also have changed and changed back, so the changes of
the mirrored subscription are counted in addition to comparing its states.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Self

import structlog

from licet.actions.store import count_changes
from licet.actions.subscriptions.lease_store import Lease, abandon, acquire, release
from licet.errors import Conflict, LicetError, StripeRefused, StripeUnavailable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.stripe_api.calls import time_limit
from licet.stripe_events import sync

log = structlog.get_logger(__name__)

CHANGE_TIMEOUT_SECONDS = 22.0
"""Time limit for one change: the wait for the lease and the calls to Stripe together."""

LEASE_WAIT_SECONDS = 15.0
"""The longest wait for the lease. The rest of the time is for Stripe."""

LEASE_MARGIN_SECONDS = 8.0
"""A lease outlasts the time limit of its holder's calls by this much, so that the holder can store the answers."""

LEASE_POLL_SECONDS = 0.05
"""The time between two tries to acquire the lease."""

MAX_ATTEMPTS = 5
"""The most attempts at a change while the subscription keeps changing."""

MAX_SAME_STATE_REFUSALS = 3
"""The number of refusals in one state after which a change fails, although the subscription changed in between."""

CHANGING = {"subscription_changing": (409, "Other requests are changing the subscription. Try again.")}
"""For a route's `responses`."""


class RefusedByState(Conflict):
    """Licet refuses a change because of the subscription's state; final if Stripe confirms that state."""


class SubscriptionChanging(RefusedByState):
    """Other requests change the subscription for longer, or more often, than this one can wait."""

    code = "subscription_changing"

    def __init__(self) -> None:
        super().__init__(CHANGING[self.code][1])


@asynccontextmanager
async def subscription_lock(
    ctx: Context, stripe_subscription_id: str, read_cause: Cause | None = None
) -> AsyncIterator[None]:
    """Hold the subscription's lease. Calls to Stripe in the block end within `CHANGE_TIMEOUT_SECONDS`.

    read_cause: if given, the subscription is read from Stripe first if the previous holder did not finish.
    Cannot be nested. Raises SubscriptionChanging if the lease is not free in time, StripeRefused, StripeUnavailable.
    """
    with time_limit(CHANGE_TIMEOUT_SECONDS):
        lease = await _wait_for(ctx, stripe_subscription_id)
        known = False
        try:
            if lease.taken_over and read_cause is not None:
                await sync.read(ctx, ctx.stripe, "subscription", stripe_subscription_id, read_cause)
            yield
            known = True
        except LicetError as error:
            known = not isinstance(error, StripeUnavailable)
            raise
        finally:
            await _give_back(ctx, lease, known=known and (read_cause is not None or not lease.taken_over))


def retry_if_changed(ctx: Context, stripe_subscription_id: str, cause: Cause) -> "Attempts":
    """Yield attempts at a change, until one succeeds or its refusal is final.

    Each attempt reads the subscription first:

        async for attempt in retry_if_changed(ctx, subscription_id, cause):
            plan = await get_current_plan(ctx, account_id)
            async with attempt.at(plan):
                changed = await change(plan)

    cause: for the read that follows a refusal.
    """
    return Attempts(ctx, stripe_subscription_id, cause)


class Attempts:
    """The attempts of `retry_if_changed` at one change. number: of the current attempt, from 1."""

    def __init__(self, ctx: Context, stripe_subscription_id: str, cause: Cause) -> None:
        self._ctx = ctx
        self._stripe_subscription_id = stripe_subscription_id
        self._cause = cause
        self.number = 0
        self._changes = 0
        self._last: _Refused | None = None
        self._same_state_refusals = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Self:
        if self.number > 0 and self._last is None:
            raise StopAsyncIteration
        self.number += 1
        self._changes = await self._count_changes()
        return self

    @asynccontextmanager
    async def at(self, state: object) -> AsyncIterator[None]:
        """Make the change, in the block, to a subscription that was found in `state`.

        StripeRefused and RefusedByState are caught, and the subscription is read from Stripe. The next attempt raises
        that refusal if it finds that nothing has changed, and SubscriptionChanging after `MAX_ATTEMPTS`.
        """
        if self._last is not None:
            await self._raise_if_final(self._last, state)
        self._last = None
        try:
            yield
        except (StripeRefused, RefusedByState) as error:
            self._last = _Refused(error, state, self._changes)
            await sync.read(self._ctx, self._ctx.stripe, "subscription", self._stripe_subscription_id, self._cause)

    async def _raise_if_final(self, last: "_Refused", state: object) -> None:
        if state == last.state:
            self._same_state_refusals += 1
            changed = await self._count_changes() != last.changes
            if not changed or self._same_state_refusals == MAX_SAME_STATE_REFUSALS or is_about_items(last.error):
                raise last.error
        if self.number > MAX_ATTEMPTS:
            raise SubscriptionChanging

    async def _count_changes(self) -> int:
        return await count_changes(self._ctx.pool, self._stripe_subscription_id)


@dataclass(frozen=True)
class _Refused:
    """A refusal, the state that was changed, and the count of changes before that state was read."""

    error: LicetError
    state: object
    changes: int


def is_about_items(refused: LicetError) -> bool:
    """True if Stripe refuses an item, such as its price, and not the subscription's state."""
    return "items" in refused.details.get("param", "")


async def _wait_for(ctx: Context, stripe_subscription_id: str) -> Lease:
    began = monotonic()
    while True:
        left = CHANGE_TIMEOUT_SECONDS - (monotonic() - began)
        now = wall_now()
        until = now + timedelta(seconds=left + LEASE_MARGIN_SECONDS)
        lease = await acquire(ctx.pool, stripe_subscription_id, until, now=now)
        if lease is not None:
            return lease
        if left <= CHANGE_TIMEOUT_SECONDS - LEASE_WAIT_SECONDS:
            raise SubscriptionChanging
        # At random, so that the callers that wait do not all try at the same moment.
        await asyncio.sleep(LEASE_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets


async def _give_back(ctx: Context, lease: Lease, *, known: bool) -> None:
    """Release the lease, or abandon it. known: the mirror has everything that Stripe did."""
    try:
        if known:
            await release(ctx.pool, lease)
        else:
            await abandon(ctx.pool, lease, now=wall_now())
    except Exception:
        # The lease expires by itself, and the caller must get the outcome of its change.
        log.exception("lease_not_released", subscription=lease.stripe_subscription_id)
