"""Rules for failed deliveries: when to retry, and when to pause or disable the endpoint. Pure.

1. A failed delivery is retried as `DELIVERY_RETRY` says, over three days.
2. An endpoint that does not respond is paused, longer each time, so that it does not hold up other endpoints.
3. An endpoint that fails for `DISABLE_AFTER` without a success is disabled. One that answers 410 Gone is disabled at
   once.

Source: contract, section 6; the Standard Webhooks specification.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from licet.kit.retry import Retry

DELIVERY_RETRY = Retry(
    seconds=(30, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 18, 23))),
    repeats=False,
)
"""When a delivery is tried again after a failed attempt."""

DISABLE_AFTER = timedelta(days=3)
"""Slightly less than all waits of `DELIVERY_RETRY`, so that one delivery that fails every attempt is enough."""

ENDPOINT_BACKOFF = Retry(seconds=(30, 60, 2 * 60, 5 * 60, 15 * 60))
"""The pause after each consecutive attempt without a response."""

HTTP_GONE = 410

DisabledReason = Literal["operator", "failing", "gone"]
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
    again_at = None if disabled else DELIVERY_RETRY.again_at(now, attempts - 1)
    failing_since = health.failing_since or now
    if status is not None:
        return AttemptFailure(again_at, EndpointHealth(failing_since), disabled)
    if health.rests_until is not None and health.rests_until > now:
        # Of several concurrent attempts without a response, only the first counts.
        return AttemptFailure(again_at, replace(health, failing_since=failing_since), disabled)
    rests_until = ENDPOINT_BACKOFF.again_at(now, health.unreachable)
    return AttemptFailure(again_at, EndpointHealth(failing_since, health.unreachable + 1, rests_until), disabled)
