"""The table idempotency_keys. Times are wall times."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.idempotency.core import KEPT_FOR, LEASE, Request
from licet.kit.ids import new_id

BATCH = 1000


@dataclass(frozen=True)
class Claim:
    """The right to carry a request out, until the lease ends. made_id: of what it makes, the same at every try."""

    hash: bytes
    tries: int
    made_id: UUID


@dataclass(frozen=True)
class Found:
    """What is known of a request that cannot be claimed. status None: a try is under way."""

    fingerprint: bytes
    made_id: UUID
    status: int | None
    answer: bytes | None


async def claim(pool: Pool, request: Request, now: datetime) -> Claim | None:
    """Claims a request that is new, was given up, or whose last try ran out of time. None: `find` says why not."""
    row = await pool.fetchrow(
        """
        INSERT INTO idempotency_keys AS old
            (hash, account_id, fingerprint, made_id, created_at, leased_until, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (hash) DO UPDATE SET
            fingerprint = excluded.fingerprint,
            tries = old.tries + 1,
            leased_until = excluded.leased_until,
            status = NULL,
            answer = NULL,
            -- What was not answered is tried again; what has expired begins anew.
            (made_id, created_at, expires_at) = (
                SELECT old.made_id, old.created_at, old.expires_at WHERE old.expires_at > excluded.created_at
                UNION ALL
                SELECT excluded.made_id, excluded.created_at, excluded.expires_at
                WHERE old.expires_at <= excluded.created_at)
        WHERE (old.leased_until IS NULL OR old.leased_until <= excluded.created_at)
          AND (old.expires_at <= excluded.created_at
               OR old.status IS NULL AND old.fingerprint = excluded.fingerprint)
        RETURNING hash, tries, made_id
        """,
        request.hash,
        request.acting_for,
        request.fingerprint,
        new_id(),
        now,
        now + LEASE,
        now + KEPT_FOR,
    )
    return Claim(**row) if row else None


async def find(pool: Pool, hash_: bytes) -> Found | None:
    """The request with this hash."""
    row = await pool.fetchrow(
        "SELECT fingerprint, made_id, status, answer FROM idempotency_keys WHERE hash = $1", hash_
    )
    return Found(**row) if row else None


async def keep(conn: Connection | Pool, claim: Claim, status: int, answer: bytes | None) -> bool:
    """Keeps the answer in the caller's transaction. False: the lease ran out, and another try has taken over."""
    kept = await conn.fetchval(
        """
        UPDATE idempotency_keys SET status = $3, answer = $4, leased_until = NULL
        WHERE hash = $1 AND tries = $2 AND status IS NULL
        RETURNING true
        """,
        claim.hash,
        claim.tries,
        status,
        answer,
    )
    return bool(kept)


async def give_up(pool: Pool, claim: Claim) -> None:
    """Lets the next try begin at once."""
    await pool.execute(
        "UPDATE idempotency_keys SET leased_until = NULL WHERE hash = $1 AND tries = $2", claim.hash, claim.tries
    )


async def some_expired(pool: Pool, before: datetime) -> bool:
    """Whether there is one that expired before this time."""
    found: bool = await pool.fetchval("SELECT EXISTS (SELECT FROM idempotency_keys WHERE expires_at < $1)", before)
    return found


async def delete_expired(pool: Pool, now: datetime) -> int:
    """Removes a batch of the expired ones; how many. Several workers may do so at once."""
    deleted: str = await pool.execute(
        """
        DELETE FROM idempotency_keys WHERE hash IN (
            SELECT hash FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
            FOR UPDATE SKIP LOCKED)
        """,
        now,
        BATCH,
    )
    return int(deleted.removeprefix("DELETE "))
