"""What is asked of Stripe, and what it answers when all is well (what else it answers: `failures.py`)."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """One call, the same for each of its tries."""

    method: str
    path: str
    params: dict[str, Any]
    idempotency_key: str | None


@dataclass(frozen=True)
class Answer:
    """The object as in Stripe's JSON, and Stripe's own id of the request."""

    object: dict[str, Any]
    request_id: str | None
