"""SQL for the table idempotency_keys. Times are wall times."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.idempotency.core import ATTEMPT_LEASE, RESPONSE_RETENTION, KeyedRequest
from licet.kit.ids import new_id

DELETE_BATCH_SIZE = 1000


@dataclass(frozen=True)
class Claim:
    """The right to carry out a request, until its lease ends.

    made_id: the id of the new object, for all attempts.
    """

    hash: bytes
    tries: int
    made_id: UUID


@dataclass(frozen=True)
class StoredRequest:
    """A request that cannot be claimed. status None: an attempt is running."""

    fingerprint: bytes
    made_id: UUID
    status: int | None
    answer: bytes | None


async def claim_request(pool: Pool, request: KeyedRequest, now: datetime) -> Claim | None:
    """Claims a request that is new, was released, or whose last attempt outlived its lease.

    Returns None if it cannot be claimed; `find_request` then tells why.
    """
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
            -- A request without a response is attempted again; an expired one is a new request.
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
        now + ATTEMPT_LEASE,
        now + RESPONSE_RETENTION,
    )
    return Claim(**row) if row else None


async def find_request(pool: Pool, hash_: bytes) -> StoredRequest | None:
    """The request with this hash."""
    row = await pool.fetchrow(
        "SELECT fingerprint, made_id, status, answer FROM idempotency_keys WHERE hash = $1", hash_
    )
    return StoredRequest(**row) if row else None


async def store_response(conn: Connection | Pool, claim: Claim, status: int, answer: bytes | None) -> bool:
    """Stores the response in the caller's transaction.

    Returns False if the lease ended and another attempt has taken over.
    """
    stored = await conn.fetchval(
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
    return bool(stored)


async def release_claim(pool: Pool, claim: Claim) -> None:
    """Ends the lease, so that the next attempt can begin at once."""
    await pool.execute(
        "UPDATE idempotency_keys SET leased_until = NULL WHERE hash = $1 AND tries = $2",
        claim.hash,
        claim.tries,
    )


async def has_expired(pool: Pool, before: datetime) -> bool:
    """True if a stored request expired before this time."""
    found: bool = await pool.fetchval("SELECT EXISTS (SELECT FROM idempotency_keys WHERE expires_at < $1)", before)
    return found


async def delete_expired(pool: Pool, now: datetime) -> int:
    """Deletes a batch of expired requests and returns their number. Several workers may do so at once."""
    deleted: str = await pool.execute(
        """
        DELETE FROM idempotency_keys WHERE hash IN (
            SELECT hash FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
            FOR UPDATE SKIP LOCKED)
        """,
        now,
        DELETE_BATCH_SIZE,
    )
    return int(deleted.removeprefix("DELETE "))
