"""When a delivery is tried again, when an endpoint rests, and when nobody listens there any more. Pure.

1. A delivery that failed is tried again after each of `WAITS`: for three days.
2. An endpoint where nobody answers rests, longer each time, so that it does not hold up the others.
3. One that has failed for `GIVES_UP_AFTER` without a single success is disabled, and one that answers 410 Gone at once.

Source: contract, section 6; the Standard Webhooks specification.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

WAITS = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=18),
    timedelta(hours=23),
)
"""After each attempt that failed; after the last of them there is one more."""

GIVES_UP_AFTER = timedelta(days=3)
"""A little less than all of `WAITS`: an endpoint to which even a single delivery fails to the end is disabled by it."""

RESTS = (timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))
"""By how often in a row nobody answered; the last holds from then on."""

GONE = 410

Because = Literal["asked", "failing", "gone"]
"""Why an endpoint is told nothing any more."""


@dataclass(frozen=True)
class Failure:
    """What follows from an attempt that failed. again_at: None where it was the last.

    rests_until: until when nobody tries this endpoint; disabled: why nobody will any more.
    """

    again_at: datetime | None
    rests_until: datetime | None
    disabled: Because | None


def after_failure(
    *, attempts: int, status: int | None, unreachable: int, failing_since: datetime | None, now: datetime
) -> Failure:
    """attempts: of this delivery, this one counted; status: the answer's, None where nobody answered.

    unreachable: how often in a row nobody had answered before; failing_since: the endpoint's first failure since its
    last success, None where this is it.
    """
    again_at = now + WAITS[attempts - 1] if attempts <= len(WAITS) else None
    rests_until = now + RESTS[min(unreachable, len(RESTS) - 1)] if status is None else None
    disabled: Because | None = None
    if status == GONE:
        disabled = "gone"
    elif failing_since is not None and failing_since + GIVES_UP_AFTER <= now:
        disabled = "failing"
    return Failure(again_at, rests_until, disabled)
