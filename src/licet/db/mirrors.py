"""SQL for the table mirrors: the newest known state of each Stripe object, with its version.

`kit/versions.py` explains versions.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet.db.connection import Connection
from licet.kit.versions import Rank, Version


@dataclass(frozen=True)
class StoredMirror:
    """The stored state of an object. `revision` increases with every write."""

    version: Version
    revision: int
    account_id: UUID | None


async def find_mirror(conn: Connection, stripe_id: str) -> StoredMirror | None:
    """The stored state of the object, or None."""
    row = await conn.fetchrow(
        "SELECT as_of, rank, was_read, revision, account_id, previous, object FROM mirrors WHERE stripe_id = $1",
        stripe_id,
    )
    if row is None:
        return None
    version = Version(row["object"], row["as_of"], Rank(row["rank"]), row["was_read"], row["previous"])
    return StoredMirror(version, row["revision"], row["account_id"])


async def find_revision(conn: Connection, stripe_id: str) -> int:
    """The revision of the object's stored state; 0 if there is none."""
    return int(await conn.fetchval("SELECT coalesce(max(revision), 0) FROM mirrors WHERE stripe_id = $1", stripe_id))


async def write_mirror(conn: Connection, stripe_id: str, version: Version, account_id: UUID | None) -> None:
    """Stores `version` as the state of the object."""
    kind: Any = version.object.get("object", "")
    await conn.execute(
        """
        INSERT INTO mirrors (stripe_id, kind, account_id, as_of, rank, was_read, previous, object)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (stripe_id) DO UPDATE SET
            kind = excluded.kind,
            account_id = coalesce(excluded.account_id, mirrors.account_id),
            as_of = excluded.as_of,
            rank = excluded.rank, was_read = excluded.was_read,
            revision = mirrors.revision + 1,
            changes = mirrors.changes + (mirrors.object IS DISTINCT FROM excluded.object)::int,
            previous = excluded.previous, object = excluded.object
        """,
        stripe_id,
        kind,
        account_id,
        version.time,
        int(version.rank),
        version.was_read,
        version.previous,
        version.object,
    )
