"""When a delivery is tried again, when an endpoint rests, and when nobody listens there any more. Pure.

1. A delivery that failed is tried again after each of `WAITS`: for three days.
2. An endpoint where nobody answers rests, longer each time, so that it does not hold up the others.
3. One that has failed for `GIVES_UP_AFTER` without a single success is disabled, and one that answers 410 Gone at once.

Source: contract, section 6; the Standard Webhooks specification.
"""

from dataclasses import dataclass, replace
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
class Health:
    """How an endpoint is doing.

    failing_since: its first failure since its last success; unreachable: how often in a row nobody answered;
    rests_until: until when nobody tries it. Times are aware UTC.
    """

    failing_since: datetime | None = None
    unreachable: int = 0
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Failure:
    """What follows from an attempt that failed.

    again_at: None where it was the last. health: the endpoint's from now on; disabled: why it is told nothing any more.
    """

    again_at: datetime | None
    health: Health
    disabled: Because | None


def after_failure(*, attempts: int, status: int | None, health: Health, now: datetime) -> Failure:
    """attempts: of this delivery, this one counted; status: the answer's, None where nobody answered.

    health: the endpoint's before.
    """
    disabled: Because | None = None
    if status == GONE:
        disabled = "gone"
    elif health.failing_since is not None and health.failing_since + GIVES_UP_AFTER <= now:
        disabled = "failing"
    again_at = now + WAITS[attempts - 1] if attempts <= len(WAITS) and disabled is None else None
    failing_since = health.failing_since or now
    if status is not None:
        return Failure(again_at, Health(failing_since), disabled)
    if health.rests_until is not None and health.rests_until > now:
        # Of those that found nobody at the same moment the first one counts.
        return Failure(again_at, replace(health, failing_since=failing_since), disabled)
    rest = RESTS[min(health.unreachable, len(RESTS) - 1)]
    return Failure(again_at, Health(failing_since, health.unreachable + 1, now + rest), disabled)
