"""What must be derived anew, mostly by reading it from Stripe: requested in a transaction, gone when a job did it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from licet.db.connection import Connection
from licet.kit.cause import Cause
from licet.queue.jobs import enqueue

ENTRYPOINT = "refresh"

PRODUCT_CHANGED = "catalog.product"
"""A request that reads nothing: the catalogue changed a product (its id is ours), so its licenses follow."""


@dataclass(frozen=True)
class Refresh:
    """An object to read. `kind` is Stripe's name of the object, or of the question asked about it."""

    kind: str
    stripe_id: str


@dataclass(frozen=True)
class Requested:
    """A refresh as it stands in its table: who asked first, how often it was tried, and which request this is."""

    refresh: Refresh
    because: Cause
    attempts: int
    requested: int


def key_of(refresh: Refresh, requested: int) -> str:
    """The job's key: it names the request too, so that one made while we read is not taken for a duplicate."""
    return f"{refresh.kind}|{refresh.stripe_id}|{requested}"


def parse_key(key: str) -> Refresh:
    """The refresh that a job's key names."""
    kind, stripe_id, _ = key.split("|")
    return Refresh(kind, stripe_id)


async def request(conn: Connection, refresh: Refresh, because: Cause, now: datetime) -> None:
    """Have the object read as soon as the caller's transaction commits; one read serves all who ask before it."""
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
    await enqueue(conn, ENTRYPOINT, key_of(refresh, requested))


async def find_requested(conn: Connection, refresh: Refresh) -> Requested | None:
    """The request as it stands, or None when it was answered."""
    row = await conn.fetchrow(
        "SELECT because, attempts, requested FROM refreshes WHERE kind = $1 AND stripe_id = $2",
        refresh.kind,
        refresh.stripe_id,
    )
    if row is None:
        return None
    return Requested(refresh, Cause.from_json(row["because"]), row["attempts"], row["requested"])


async def answered(conn: Connection, done: Requested) -> None:
    """Forget the request, unless somebody asked again since we began to read."""
    await conn.execute(
        "DELETE FROM refreshes WHERE kind = $1 AND stripe_id = $2 AND requested = $3",
        done.refresh.kind,
        done.refresh.stripe_id,
        done.requested,
    )


async def postpone(conn: Connection, failed: Requested, *, until: datetime, error: str) -> None:
    """Keep the request for a later try, with what went wrong."""
    await conn.execute(
        "UPDATE refreshes SET attempts = attempts + 1, due_at = $3, error = $4 WHERE kind = $1 AND stripe_id = $2",
        failed.refresh.kind,
        failed.refresh.stripe_id,
        until,
        error,
    )


async def list_due(conn: Connection, now: datetime) -> list[str]:
    """The keys of the requests whose time has come, oldest first."""
    rows: list[Any] = await conn.fetch(
        "SELECT kind, stripe_id, requested FROM refreshes WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now
    )
    return [key_of(Refresh(row["kind"], row["stripe_id"]), row["requested"]) for row in rows]
