"""One subscription, changed by several callers at the same moment: who comes too late looks again, and asks anew.

Stripe refuses what a change of the same moment has made impossible: a schedule that is gone, or was made meanwhile. No
lock of ours is held while Stripe is asked, so that is how it is noticed.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from licet.errors import Conflict, StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.webhooks.reading import read

Seen = TypeVar("Seen")
Done = TypeVar("Done")

TRIES = 5

CHANGING = {"subscription_changing": (409, "Other calls change the subscription at this moment. Ask again.")}
"""For a route's `responses`."""


class SubscriptionChanging(Conflict):
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
    for _ in range(TRIES):
        seen = await look()
        try:
            return await act(seen)
        except (StripeRefused, SubscriptionChanging):
            await read(ctx, ctx.stripe, "subscription", stripe_subscription_id, cause)
            if await look() == seen:
                raise
    raise SubscriptionChanging
