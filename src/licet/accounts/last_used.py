"""When keys were last used: gathered in memory and written in batches, so that reading writes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID

import structlog

from licet.accounts.store import write_last_used
from licet.db.pool import Pool

WRITE_EVERY_SECONDS = 60

log = structlog.get_logger("licet.accounts")


class LastUsed:
    """What one process has seen since it last wrote. A process that is killed forgets a minute of it at most."""

    def __init__(self) -> None:
        self._seen: dict[UUID, datetime] = {}

    def note(self, key_id: UUID, at: datetime) -> None:
        """A key was used. at: wall time."""
        self._seen[key_id] = at

    async def write(self, pool: Pool) -> None:
        """Writes what was gathered. What cannot be written now is written with the next."""
        if not self._seen:
            return
        used, self._seen = self._seen, {}
        try:
            async with pool.acquire() as conn:
                await write_last_used(conn, used)
        except BaseException:
            self._seen = used | self._seen
            raise

    @asynccontextmanager
    async def written_now_and_then(self, pool: Pool) -> AsyncIterator[None]:
        """As long as the block lasts, and a last time when it ends."""
        writing = asyncio.create_task(self._keep_writing(pool))
        try:
            yield
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing

    async def _keep_writing(self, pool: Pool) -> None:
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY_SECONDS)
                await self._write_if_possible(pool)
        finally:
            await self._write_if_possible(pool)

    async def _write_if_possible(self, pool: Pool) -> None:
        try:
            await self.write(pool)
        except Exception:
            # A database that is away for a while must not end the writing for good.
            log.warning("last use of API keys not written yet", exc_info=True)
