"""Rules for failed deliveries: when to retry, and when to pause or disable the endpoint. Pure.

1. A failed delivery is retried after each of `DELIVERY_RETRY_DELAYS`, over three days.
2. An endpoint that does not respond is paused, longer each time, so that it does not hold up other endpoints.
3. An endpoint that fails for `DISABLE_AFTER` without a success is disabled. One that answers 410 Gone is disabled at
   once.

Source: contract, section 6; the Standard Webhooks specification.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

DELIVERY_RETRY_DELAYS = (
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
"""The delay after each failed attempt. One more attempt follows the last delay."""

DISABLE_AFTER = timedelta(days=3)
"""Slightly less than the sum of `DELIVERY_RETRY_DELAYS`, so that one delivery that fails every attempt is enough."""

ENDPOINT_BACKOFFS = (
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
)
"""The pause after each consecutive attempt without a response. The last one repeats."""

HTTP_GONE = 410

DisabledReason = Literal["asked", "failing", "gone"]
"""Why an endpoint is disabled. asked: by an operator; failing: no success for too long; gone: it answered 410."""


@dataclass(frozen=True)
class EndpointHealth:
    """The failures of an endpoint since its last success. Times are aware UTC.

    failing_since: the first failure. unreachable: the number of consecutive attempts without a response.
    rests_until: no attempt is made before this time.
    """

    failing_since: datetime | None = None
    unreachable: int = 0
    rests_until: datetime | None = None


@dataclass(frozen=True)
class AttemptFailure:
    """The consequences of a failed attempt.

    again_at: the next attempt; None: there is none. health: the endpoint's new health.
    disabled: why the endpoint is to be disabled; None: it stays enabled.
    """

    again_at: datetime | None
    health: EndpointHealth
    disabled: DisabledReason | None


def after_failure(*, attempts: int, status: int | None, health: EndpointHealth, now: datetime) -> AttemptFailure:
    """Decide what follows from a failed attempt.

    attempts: of this delivery, including this one. status: the HTTP status, None if there was no response.
    health: the endpoint's health before this attempt.
    """
    disabled: DisabledReason | None = None
    if status == HTTP_GONE:
        disabled = "gone"
    elif health.failing_since is not None and health.failing_since + DISABLE_AFTER <= now:
        disabled = "failing"
    again_at = (
        now + DELIVERY_RETRY_DELAYS[attempts - 1]
        if attempts <= len(DELIVERY_RETRY_DELAYS) and disabled is None
        else None
    )
    failing_since = health.failing_since or now
    if status is not None:
        return AttemptFailure(again_at, EndpointHealth(failing_since), disabled)
    if health.rests_until is not None and health.rests_until > now:
        # Of several concurrent attempts without a response, only the first counts.
        return AttemptFailure(again_at, replace(health, failing_since=failing_since), disabled)
    backoff = ENDPOINT_BACKOFFS[min(health.unreachable, len(ENDPOINT_BACKOFFS) - 1)]
    return AttemptFailure(again_at, EndpointHealth(failing_since, health.unreachable + 1, now + backoff), disabled)
