"""A request to Stripe and its successful response. `failures.py` has the failed ones."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StripeRequest:
    """A call, which is the same at each try."""

    method: str
    path: str
    params: dict[str, Any]
    idempotency_key: str | None


@dataclass(frozen=True)
class StripeResponse:
    """The object of a successful response, as in Stripe's JSON, and Stripe's id of the request."""

    object: dict[str, Any]
    request_id: str | None
