"""Jobs, and how one is enqueued.

A job is only a hint. The work itself is a row of a feature's own table with its `due_at`, in business time, and the row
stays until the work is done (`due.py`). So a job that is lost, dropped as a duplicate or run twice does no harm.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries

from licet.db.connection import Connection


@dataclass(frozen=True)
class Job:
    """One kind of deferred work.

    run: does the work that a key names. It must be safe to run twice, and when there is nothing left to do.
    due: lists the keys that are due at a business time, the longest due first, a bounded number at once.
    """

    entrypoint: str
    run: Callable[[str], Awaitable[None]]
    due: Callable[[datetime], Awaitable[Sequence[str]]] | None = None


class _JsonDecodingDriver(AsyncpgDriver):
    """Decodes the headers that pgqueuer passes as JSON text: Licet's connections encode JSON themselves."""

    async def fetch(self, query: str, *args: Any) -> list[dict[str, object]]:
        """Run the one query that `enqueue` makes: the headers are its last argument."""
        *others, headers = args
        return await super().fetch(query, *others, [json.loads(header) for header in headers])


async def enqueue(conn: Connection, entrypoint: str, *keys: str) -> None:
    """Enqueue a job for each key, when the transaction commits; a key that already waits is skipped."""
    if not keys:
        return
    count = len(keys)
    await Queries(_JsonDecodingDriver(conn)).enqueue(  # type: ignore[arg-type]  # pgqueuer names the one of asyncpg's two connection types
        [entrypoint] * count,
        [key.encode() for key in keys],
        [0] * count,
        dedupe_key=[f"{entrypoint}:{key}" for key in keys],
        on_conflict="skip",
    )
