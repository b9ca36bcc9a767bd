"""Advisory locks by name, held until the end of a transaction."""

from collections.abc import Iterable
from hashlib import blake2b

from licet.db.connection import Connection


async def lock(conn: Connection, names: Iterable[str]) -> None:
    """Waits for the lock of each name and holds it until the transaction ends.

    All callers take locks in the same order, so that two transactions cannot deadlock.
    """
    numbers = sorted({_number(name) for name in names})
    await conn.execute(
        "SELECT pg_advisory_xact_lock(number) FROM (SELECT unnest($1::bigint[]) AS number) AS sorted", numbers
    )


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
