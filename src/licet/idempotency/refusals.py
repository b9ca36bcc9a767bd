"""What a request with an `Idempotency-Key` is told where it is not carried out, and its first answer is not given."""

from uuid import UUID

from licet.errors import Conflict, Unprocessable


def in_progress() -> Conflict:
    """Another request with the same key has not been answered yet."""
    return Conflict(
        "The first request with this Idempotency-Key is still running. Send the same again in a moment.",
        code="idempotency_in_progress",
    )


def key_reused() -> Unprocessable:
    """The key belongs to another request."""
    return Unprocessable(
        "This Idempotency-Key came before with another request. Send each request under a key of its own.",
        code="idempotency_key_reused",
    )


def answer_not_kept(made_id: UUID) -> Conflict:
    """It was carried out, and its answer held a secret."""
    return Conflict(
        "The first request with this Idempotency-Key was carried out, and its answer alone showed the secret. Where "
        "that answer was lost, end what details.id names and make another under a new key.",
        code="idempotency_answer_not_kept",
        details={"id": str(made_id)},
    )
