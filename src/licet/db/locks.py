"""Advisory locks by name, for the length of a transaction: what is joined to each other is settled one at a time."""

from collections.abc import Iterable
from hashlib import blake2b

from licet.db.connection import Connection


async def lock(conn: Connection, names: Iterable[str]) -> None:
    """Wait for, and hold until the transaction ends, the lock of each name.

    They are taken in one order everywhere, so that two transactions cannot wait for each other.
    """
    numbers = sorted({_number(name) for name in names})
    await conn.execute(
        "SELECT pg_advisory_xact_lock(number) FROM (SELECT unnest($1::bigint[]) AS number) AS sorted", numbers
    )


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
