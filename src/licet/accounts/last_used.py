"""The last use of API keys, kept in memory and written in batches, so that no read causes a write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID

import structlog

from licet.accounts.store import write_last_used
from licet.db.pool import Pool

LAST_USED_INTERVAL_SECONDS = 60

log = structlog.get_logger("licet.accounts")


class LastUsed:
    """The key uses that one process has not written yet. A killed process loses at most one minute."""

    def __init__(self) -> None:
        self._seen: dict[UUID, datetime] = {}

    def note(self, key_id: UUID, at: datetime) -> None:
        """Records that a key was used. at: wall time."""
        self._seen[key_id] = at

    async def write(self, pool: Pool) -> None:
        """Writes the recorded uses. If writing fails, they are kept for the next call."""
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
    async def writing_periodically(self, pool: Pool) -> AsyncIterator[None]:
        """Writes every `LAST_USED_INTERVAL_SECONDS` while the block runs, and once more when it ends."""
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
                await asyncio.sleep(LAST_USED_INTERVAL_SECONDS)
                await self._write_if_possible(pool)
        finally:
            await self._write_if_possible(pool)

    async def _write_if_possible(self, pool: Pool) -> None:
        try:
            await self.write(pool)
        except Exception:
            # The next write tries again, so that an outage of the database does not end the loop.
            log.warning("api_keys_last_used_not_written", exc_info=True)
