"""When a call to Stripe is made again, and after how long: pure.

A caller of ours waits for the whole of it, so all tries together have one budget of time. A POST carries the same
idempotency key each time, so repeating it is safe even where the first one arrived.
"""

from collections.abc import Callable

from licet.stripe_api.failures import Failure

TOTAL_SECONDS = 20.0
"""For all tries of one call, waiting included: a browser's and a load balancer's patience ends at 30 or 60."""

MAX_TRIES = 5
FIRST_WAIT_SECONDS = 0.4
LONGEST_WAIT_SECONDS = 4.0


def wait_before_retry(failure: Failure, tries: int, seconds_left: float, random: Callable[[], float]) -> float | None:
    """Seconds to wait before the next try; None: this failure is the result.

    tries: how many were made. random: 0 to 1; the wait doubles each time and half of it is jitter, so that callers who
    were refused together do not come back together.
    Source: Stripe's documentation, "Rate limits" and "Idempotent requests".
    """
    if tries >= MAX_TRIES or not _worth_repeating(failure):
        return None
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (tries - 1)) * (0.5 + random() / 2)
    if failure.retry_after_seconds is not None:
        wait = max(wait, failure.retry_after_seconds)
    # A try that could not get its answer within what is left would only be waited for in vain.
    return wait if wait + 1 < seconds_left else None


def _worth_repeating(failure: Failure) -> bool:
    # Stripe replays a kept 500 with `stripe-should-retry: false`; a plain 429 has no such header and is ours to decide.
    return failure.should_retry if failure.should_retry is not None else failure.may_pass
