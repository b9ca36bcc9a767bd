"""What Stripe's refusals and silences become for our callers: the one translation.

402 of a card error is CardDeclined. What may pass by itself (no answer, 409, 429, 5xx) is StripeUnavailable, once our
retries are used up. Every other answer is StripeRefused. Stripe's request id and code travel in the details.
"""

from dataclasses import dataclass
from typing import Any

from licet.errors import CardDeclined, LicetError, StripeRefused, StripeUnavailable
from licet.kit.redact import redact

RETRY_AFTER_SECONDS = 5
"""What a caller is told to wait where Stripe names no time itself."""


@dataclass(frozen=True)
class Failure:
    """A call that did not succeed.

    status: the HTTP status; None: no answer came, `message` then says why.
    should_retry: what Stripe's `stripe-should-retry` header says; None where it is absent.
    retry_after_seconds: what its `retry-after` header says.
    replayed: the answer is the kept one of an earlier call with the same idempotency key.
    """

    status: int | None
    message: str
    type: str | None = None
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    request_id: str | None = None
    should_retry: bool | None = None
    retry_after_seconds: float | None = None
    replayed: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether the very same call may succeed a moment later. A 200 that is no JSON is a broken answer."""
        return self.status is None or self.status in (200, 409, 429) or self.status >= 500


def translate(failure: Failure) -> LicetError:
    """The error of ours that stands for this failure."""
    details = _details(failure)
    if failure.status == 402 and failure.type == "card_error":
        details["declineCode"] = failure.decline_code or failure.code
        return CardDeclined(_safe(failure.message), details=details)
    if failure.may_pass:
        wait = max(1, round(failure.retry_after_seconds or RETRY_AFTER_SECONDS))
        return StripeUnavailable(_unavailable(failure, wait), details=details, retry_after_seconds=wait)
    if failure.status in (401, 403):
        return StripeRefused(
            "Stripe does not accept our key for this: check STRIPE_SECRET_KEY, its mode and, where it is a restricted "
            "key, its permissions.",
            details=details,
        )
    return StripeRefused(f"Stripe refused the request: {_safe(failure.message)}", details=details)


def is_missing(error: StripeRefused, param: str | None = None) -> bool:
    """Whether Stripe refused because something does not exist (any more): the object itself, or what `param` names."""
    named = error.details.get("param")
    return error.details.get("stripeCode") == "resource_missing" and param in (None, named)


def is_replayed(error: LicetError) -> bool:
    """Whether it is the kept answer of an earlier call: another call with the same idempotency key gets it again."""
    return bool(error.details.get("replayed"))


def _safe(text: str) -> str:
    """Stripe's own words, less what looks like a secret; a page of HTML is cut short."""
    return redact(text)[:500]


def _details(failure: Failure) -> dict[str, Any]:
    known = {
        "stripeStatus": failure.status,
        "stripeCode": failure.code,
        "stripeRequestId": failure.request_id,
        "param": failure.param,
        "replayed": failure.replayed or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _unavailable(failure: Failure, wait: int) -> str:
    if failure.status is None:
        reason = _safe(failure.message)
    elif failure.status == 429:
        reason = "it asks us to slow down"
    elif failure.status == 409:
        reason = "the same request is still under way there"
    elif failure.status == 200:
        reason = "its answer was broken"
    else:
        reason = f"it answered {failure.status}"
    return f"Stripe is not available ({reason}). Try again in {wait} s."
