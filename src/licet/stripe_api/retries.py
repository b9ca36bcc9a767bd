"""Pure rules: when a call to Stripe is repeated, and after how long.

A caller waits for all tries, so they have one time limit together. A POST has the same idempotency key at each try, so
repeating it is safe even if Stripe received the first one.
"""

from collections.abc import Callable

from licet.stripe_api.failures import StripeFailure

CALL_TIMEOUT_SECONDS = 20.0
"""For all tries of one call, including waits. Browsers and load balancers time out after 30 or 60 seconds."""

MAX_TRIES = 5
FIRST_WAIT_SECONDS = 0.4
LONGEST_WAIT_SECONDS = 4.0


def wait_before_retry(
    failure: StripeFailure, tries: int, seconds_left: float, random: Callable[[], float]
) -> float | None:
    """Seconds to wait before the next try; None if the call is not repeated.

    tries: the number of tries so far. random: returns 0 to 1. The wait doubles at each try and half of it is jitter,
    so that callers that were refused at the same time do not retry at the same time.
    Source: Stripe's documentation, "Rate limits" and "Idempotent requests".
    """
    if tries >= MAX_TRIES or not _worth_repeating(failure):
        return None
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (tries - 1)) * (0.5 + random() / 2)
    if failure.retry_after_seconds is not None:
        wait = max(wait, failure.retry_after_seconds)
    # A try with less than a second left would probably time out.
    return wait if wait + 1 < seconds_left else None


def _worth_repeating(failure: StripeFailure) -> bool:
    # Stripe returns a stored 500 with `stripe-should-retry: false`. A 429 has no such header and is always repeated.
    return failure.should_retry if failure.should_retry is not None else failure.is_temporary
