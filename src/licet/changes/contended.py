"""One subscription, changed by several callers at the same moment: who comes too late looks again, and asks anew.

Stripe refuses what a change of the same moment has made impossible: a schedule that is gone, or was made meanwhile. No
lock of ours is held while Stripe is asked, so that is how it is noticed.

Another caller may have changed it and changed it back in between, where its own change was refused: so what we hold of
the subscription is not only compared, its changes are counted.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from licet.changes.store import count_changes
from licet.errors import Conflict, LicetError, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.webhooks.reading import read

Seen = TypeVar("Seen")
Done = TypeVar("Done")

TRIES = 5

STANDS = 3
"""How often the same refusal is heard before it is believed, where the subscription changed there and back."""

CHANGING = {"subscription_changing": (409, "Other calls change the subscription at this moment. Ask again.")}
"""For a route's `responses`."""


class AsThingsStood(Conflict):
    """A refusal of ours: it stands where Stripe says that things are still as they were when it was made."""


class SubscriptionChanging(AsThingsStood):
    """Other calls change the subscription faster than this one can."""

    code = "subscription_changing"

    def __init__(self) -> None:
        super().__init__(CHANGING[self.code][1])


async def while_it_changes(
    ctx: Context,
    stripe_subscription_id: str,
    cause: Cause,
    look: Callable[[], Awaitable[Seen]],
    act: Callable[[Seen], Awaitable[Done]],
) -> Done:
    """What `act` makes of what `look` sees. A refusal stands where nothing has changed since; else both are done again.

    Raises what they raise, and SubscriptionChanging when that goes on.
    """
    as_before = 0
    for _ in range(TRIES):
        changes = await count_changes(ctx.pool, stripe_subscription_id)
        seen = await look()
        try:
            return await act(seen)
        except (StripeRefused, AsThingsStood) as refused:
            await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
            if await look() == seen:
                as_before += 1
                changed = await count_changes(ctx.pool, stripe_subscription_id) != changes
                if as_before == STANDS or not changed or _is_about_items(refused):
                    raise
    raise SubscriptionChanging


def _is_about_items(refused: LicetError) -> bool:
    """Whether Stripe does not take a price, say, and not the state that the subscription or its schedule is in."""
    return "items" in refused.details.get("param", "")
