"""Requests to refresh an object, mostly to read it from Stripe.

A request is made in a transaction, and deleted when the job is done.

A request's row is deleted only if no further request arrived while the job ran: `requested` counts the requests.
"""

from dataclasses import dataclass
from datetime import datetime

from licet.db.connection import Connection
from licet.kit.cause import Cause
from licet.queue.jobs import enqueue
from licet.queue.store import DueTable, join_key, split_key

ENTRYPOINT = "refresh"

REFRESHES = DueTable("refreshes", key=("kind", "stripe_id"), error=True, request="requested")

PRODUCT_CHANGED = "catalog.product"
"""The kind of a request that reads nothing: the catalogue changed a product, whose own id is the `stripe_id`."""


@dataclass(frozen=True)
class Refresh:
    """An object to read.

    kind: Stripe's name of the object; `payment_intent.links` and `charge.links` find what a payment is for.
    """

    kind: str
    stripe_id: str


@dataclass(frozen=True)
class Requested:
    """A request: the cause of the first one, and the number of requests so far."""

    refresh: Refresh
    because: Cause
    requested: int


def parse_key(key: str) -> Refresh:
    """The refresh that a job's key names."""
    kind, stripe_id, _ = split_key(key)
    return Refresh(kind, stripe_id)


async def request(conn: Connection, refresh: Refresh, because: Cause, now: datetime) -> None:
    """Request a refresh when the transaction commits; one read answers all requests made before it."""
    requested: int = await conn.fetchval(
        """
        INSERT INTO refreshes (kind, stripe_id, because, due_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (kind, stripe_id) DO UPDATE SET
            requested = refreshes.requested + 1, due_at = least(refreshes.due_at, excluded.due_at)
        RETURNING requested
        """,
        refresh.kind,
        refresh.stripe_id,
        because.as_json(),
        now,
    )
    await enqueue(conn, ENTRYPOINT, join_key(refresh.kind, refresh.stripe_id, requested))


async def find_requested(conn: Connection, refresh: Refresh) -> Requested | None:
    """The request, or None once it is answered."""
    row = await conn.fetchrow(
        "SELECT because, requested FROM refreshes WHERE kind = $1 AND stripe_id = $2",
        refresh.kind,
        refresh.stripe_id,
    )
    if row is None:
        return None
    return Requested(refresh, Cause.from_json(row["because"]), row["requested"])


async def delete_answered(conn: Connection, done: Requested) -> None:
    """Delete the request, unless it was made again since `done` was read."""
    await conn.execute(
        "DELETE FROM refreshes WHERE kind = $1 AND stripe_id = $2 AND requested = $3",
        done.refresh.kind,
        done.refresh.stripe_id,
        done.requested,
    )
