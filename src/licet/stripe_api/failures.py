"""Translates failed calls to Stripe into Licet's errors. No other module does.

A card error with status 402 becomes CardDeclined. A temporary failure (no response, 409, 429, 5xx) becomes
StripeUnavailable after the last retry. All others become StripeRefused. The details contain Stripe's request id and
code.
"""

from dataclasses import dataclass
from typing import Any

from licet.errors import CardDeclined, LicetError, StripeRefused, StripeUnavailable
from licet.kit.redact import error_line

DEFAULT_RETRY_AFTER_SECONDS = 5
"""The time to wait that a caller gets if Stripe sends none."""


@dataclass(frozen=True)
class StripeFailure:
    """A call that failed.

    status: the HTTP status. None: there was no response, and `message` says why.
    should_retry: the value of Stripe's `stripe-should-retry` header; None if it is absent.
    retry_after_seconds: the value of its `retry-after` header.
    replayed: whether Stripe returned the stored response of an earlier call with the same idempotency key.
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
    def is_temporary(self) -> bool:
        """True if the same call may succeed a moment later.

        A 200 without valid JSON counts as temporary, too.
        """
        return self.status is None or self.status in (200, 409, 429) or self.status >= 500


def error_for(failure: StripeFailure) -> LicetError:
    """The error to raise for this failure."""
    details = _details(failure)
    if failure.status == 402 and failure.type == "card_error":
        details["declineCode"] = failure.decline_code or failure.code
        return CardDeclined(_safe(failure.message), details=details)
    if failure.is_temporary:
        wait = max(1, round(failure.retry_after_seconds or DEFAULT_RETRY_AFTER_SECONDS))
        return StripeUnavailable(_unavailable(failure, wait), details=details, retry_after_seconds=wait)
    if failure.status in (401, 403):
        return StripeRefused(
            "Stripe does not accept the secret key for this call. Check STRIPE_SECRET_KEY, its mode and, if it is a "
            "restricted key, its permissions.",
            details=details,
        )
    return StripeRefused(f"Stripe refused the request: {_safe(failure.message)}", details=details)


def is_missing(error: StripeRefused, param: str | None = None) -> bool:
    """True if Stripe refused because the object, or the object that `param` names, does not exist."""
    named = error.details.get("param")
    return error.details.get("stripeCode") == "resource_missing" and param in (None, named)


def is_missing_here(error: StripeRefused) -> bool:
    """True if Stripe's answer is that what was asked about does not exist: in a list as in a retrieval.

    An object that ends a page may be deleted before the next page is asked for. That says nothing about the list.
    """
    return is_missing(error) and error.details.get("param") not in ("starting_after", "ending_before")


def is_replayed(error: LicetError) -> bool:
    """True for a stored response, which every further call with the same idempotency key gets again."""
    return bool(error.details.get("replayed"))


def _safe(text: str) -> str:
    """Stripe's message without what looks like a secret, cut at 500 characters."""
    return error_line(text, 500)


def _details(failure: StripeFailure) -> dict[str, Any]:
    known = {
        "stripeStatus": failure.status,
        "stripeCode": failure.code,
        "stripeRequestId": failure.request_id,
        "param": failure.param,
        "replayed": failure.replayed or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _unavailable(failure: StripeFailure, wait: int) -> str:
    if failure.status is None:
        reason = _safe(failure.message)
    elif failure.status == 429:
        reason = "its rate limit is reached"
    elif failure.status == 409:
        reason = "it is still processing the same request"
    elif failure.status == 200:
        reason = "its response was not valid JSON"
    else:
        reason = f"it answered {failure.status}"
    return f"Stripe is not available ({reason}). Try again in {wait} s."
