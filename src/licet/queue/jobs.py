"""What a job is, and how one is enqueued.

A job is only a hint: what is to be done stands in a feature's own table with its `due_at`, in business time, and stays
there until it is done. So a job that is lost, skipped as a duplicate or run twice does no harm.
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

    run: does the one named by a key. It must be safe to run twice, and to run when there is nothing left to do.
    due: the keys whose time has come by the business time given, oldest first, a bounded number at once.
    """

    entrypoint: str
    run: Callable[[str], Awaitable[None]]
    due: Callable[[datetime], Awaitable[Sequence[str]]] | None = None


class _OverOurConnections(AsyncpgDriver):
    """pgqueuer hands over its jobs' headers as JSON text; our connections turn values into JSON themselves."""

    async def fetch(self, query: str, *args: Any) -> list[dict[str, object]]:
        """Runs the one query that `enqueue` makes: the headers come last."""
        *others, headers = args
        return await super().fetch(query, *others, [json.loads(one) for one in headers])


async def enqueue(conn: Connection, entrypoint: str, *keys: str) -> None:
    """Hand these over to the workers when the caller's transaction commits; a key that already waits is not added."""
    if not keys:
        return
    count = len(keys)
    await Queries(_OverOurConnections(conn)).enqueue(  # type: ignore[arg-type]  # pgqueuer names the one of asyncpg's two connection types
        [entrypoint] * count,
        [key.encode() for key in keys],
        [0] * count,
        dedupe_key=[f"{entrypoint}:{key}" for key in keys],
        on_conflict="skip",
    )
