"""One subscription that several want to change at the same moment: one after the other, each looking anew.

Whoever changes a subscription takes its lease first: a row, for no connection and no lock is held while Stripe is
asked. He lets go of it once Stripe's answer is applied, so that the next one sees what there is then, and holds his
quote against that. A lease outlasts all the time that its holder has; one that is left behind by a crash runs out, and
who takes it over reads from Stripe first.

Dashboards and portals change subscriptions too, and take no lease. There, Stripe refuses what a change of the same
moment has made impossible: a schedule that is gone, or was made meanwhile. Who is refused looks again, and asks anew
where things have changed. Something may have changed and changed back in between: so what we hold of the subscription
is not only compared, its changes are counted.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import TypeVar

import structlog

from licet.actions.store import count_changes
from licet.actions.subscriptions.lease_store import Lease, abandon, acquire, release
from licet.errors import Conflict, LicetError, StripeRefused, StripeUnavailable
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.stripe_api.calls import time_limit
from licet.stripe_events.sync import read

log = structlog.get_logger(__name__)

Seen = TypeVar("Seen")
Done = TypeVar("Done")

SECONDS = 22.0
"""How long one caller's waiting for his turn, and Stripe, may take in all."""

WAIT_SECONDS = 15.0
"""How much of it he waits for his turn at most: what is left must do for Stripe."""

AFTERWARDS_SECONDS = 8.0
"""How much longer than its holder may ask Stripe a lease lasts: for what is then written here."""

LOOK_SECONDS = 0.05
"""How often who waits looks."""

TRIES = 5

STANDS = 3
"""How often the same refusal is heard before it is believed, where the subscription changed there and back."""

CHANGING = {"subscription_changing": (409, "Other calls change the subscription at this moment. Ask again.")}
"""For a route's `responses`."""


class RefusedByState(Conflict):
    """A refusal of ours: it stands where Stripe says that things are still as they were when it was made."""


class SubscriptionChanging(RefusedByState):
    """Other calls change the subscription for longer, or faster, than this one can wait."""

    code = "subscription_changing"

    def __init__(self) -> None:
        super().__init__(CHANGING[self.code][1])


@asynccontextmanager
async def subscription_lock(
    ctx: Context, stripe_subscription_id: str, look_because: Cause | None = None
) -> AsyncIterator[None]:
    """Within, nobody else of ours changes the subscription, and all calls to Stripe keep to `SECONDS`.

    look_because: given, the subscription is read first where the one before did not get to the end of its change.
    Not to be nested. Raises SubscriptionChanging where its turn does not come, and then what Stripe's door raises.
    """
    with time_limit(SECONDS):
        lease = await _wait_for(ctx, stripe_subscription_id)
        known = False
        try:
            if lease.taken_over and look_because is not None:
                await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, look_because)
            yield
            known = True
        except LicetError as error:
            known = not isinstance(error, StripeUnavailable)
            raise
        finally:
            await _give_back(ctx, lease, known=known and (look_because is not None or not lease.taken_over))


async def change_with_lock(
    ctx: Context,
    stripe_subscription_id: str,
    cause: Cause,
    look: Callable[[], Awaitable[Seen]],
    act: Callable[[Seen], Awaitable[Done]],
) -> Done:
    """What `act` makes of what `look` sees, under `subscription_lock`. Raises as it and `retry_if_changed` do."""
    async with subscription_lock(ctx, stripe_subscription_id, cause):
        return await retry_if_changed(ctx, stripe_subscription_id, cause, look, act)


async def retry_if_changed(
    ctx: Context,
    stripe_subscription_id: str,
    cause: Cause,
    look: Callable[[], Awaitable[Seen]],
    act: Callable[[Seen], Awaitable[Done]],
) -> Done:
    """The same for who changes nothing. A refusal stands where nothing has changed since; else both are done again.

    Raises what they raise, and SubscriptionChanging when that goes on.
    """
    as_before = 0
    for _ in range(TRIES):
        changes = await count_changes(ctx.pool, stripe_subscription_id)
        seen = await look()
        try:
            return await act(seen)
        except (StripeRefused, RefusedByState) as refused:
            await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
            if await look() == seen:
                as_before += 1
                changed = await count_changes(ctx.pool, stripe_subscription_id) != changes
                if as_before == STANDS or not changed or is_about_items(refused):
                    raise
    raise SubscriptionChanging


def is_about_items(refused: LicetError) -> bool:
    """Whether Stripe does not take a price, say, and not the state that the subscription or its schedule is in."""
    return "items" in refused.details.get("param", "")


async def _wait_for(ctx: Context, stripe_subscription_id: str) -> Lease:
    began = monotonic()
    while True:
        left = SECONDS - (monotonic() - began)
        now = wall_now()
        until = now + timedelta(seconds=left + AFTERWARDS_SECONDS)
        lease = await acquire(ctx.pool, stripe_subscription_id, until, now=now)
        if lease is not None:
            return lease
        if left <= SECONDS - WAIT_SECONDS:
            raise SubscriptionChanging
        # Not all of those who wait at the same moment.
        await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets


async def _give_back(ctx: Context, lease: Lease, *, known: bool) -> None:
    """known: whether our mirror has all that came of it."""
    try:
        if known:
            await release(ctx.pool, lease)
        else:
            await abandon(ctx.pool, lease, now=wall_now())
    except Exception:
        # It runs out by itself, and its holder is told what came of his change.
        log.exception("lease_left_to_run_out", subscription=lease.stripe_subscription_id)
