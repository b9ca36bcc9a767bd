"""Makes rows of received Stripe events."""

from datetime import datetime
from itertools import count

from licet.http.context import Context

_numbers = count(1)


async def make_event(
    context: Context,
    *,
    type_: str = "invoice.paid",
    outcome: str = "applied",
    received_at: datetime | None = None,
    error: str | None = None,
) -> str:
    """Makes an event; returns its Stripe id."""
    event_id = f"evt_made_{next(_numbers)}"
    at = received_at or context.now()
    await context.pool.execute(
        """
        INSERT INTO events (stripe_event_id, type, created_at, received_at, outcome, error, payload)
        VALUES ($1, $2, $3, $3, $4, $5, '{}')
        """,
        event_id,
        type_,
        at,
        outcome,
        error,
    )
    return event_id
