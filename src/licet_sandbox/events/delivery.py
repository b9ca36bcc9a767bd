"""The delivery queue: every event to every endpoint that wants it, signed, at least once, retried with backoff."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from licet_sandbox.events.outcomes import Answer, Outcome, is_delivered, record
from licet_sandbox.events.sending import Sender, SendingFailed
from licet_sandbox.state.text import encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from licet_sandbox.clock import Clock
    from licet_sandbox.events.signing import Signer
    from licet_sandbox.faults import Faults
    from licet_sandbox.state.store import Store

log = logging.getLogger("licet_sandbox.delivery")

TIMEOUT_SECONDS = 10
# To one endpoint at the same time; another that hangs keeps nobody waiting.
PARALLEL = 4
# So many of an endpoint's are read at once: more than can be under way, or wait to be written down.
_AHEAD = 32

# For so long an outcome waits for others, or for whatever is written next, to be written down together; and so many.
_GATHER_SECONDS = 0.01
_TOGETHER = 16

# A delivery with what is sent, and where to; `url` is NULL when its endpoint is gone or disabled.
_ROWS = """
    SELECT *, coalesce(body, (SELECT json FROM objects WHERE id = event_id)) AS text,
        (SELECT json ->> '$.url' FROM objects
            WHERE id = endpoint_id AND NOT deleted AND json ->> '$.status' = 'enabled') AS url
    FROM deliveries
"""
# First tries whose turn it is: what a fault moved waits to be overtaken, but not for ever.
_QUEUED = f"""
    {_ROWS} WHERE state = 'queued' AND endpoint_id = ?
        AND (next_at <= ? OR position <= (SELECT max(id) FROM deliveries))
    ORDER BY position LIMIT ?
"""  # noqa: S608  # Only our own words.
_WAITED = f"{_ROWS} WHERE state = 'waiting' AND next_at <= ? ORDER BY next_at, position LIMIT ?"
_NEXT = """
    SELECT (SELECT min(next_at) FROM deliveries WHERE state = 'waiting' AND next_at > ?1),
        (SELECT min(next_at) FROM deliveries WHERE state = 'queued' AND next_at > 0 AND next_at > ?1)
"""
_UNTRIED = """
    SELECT 1 FROM deliveries WHERE state = 'queued' AND event_seq <= ? AND id NOT IN (SELECT value FROM json_each(?))
    LIMIT 1
"""


class Deliveries:
    """Sends what is due in the order of the queue, a few at a time. All of its state stands in the file."""

    def __init__(self, store: Store, clock: Clock, signer: Signer, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._clock = clock
        self._signer = signer
        self._sender = Sender(TIMEOUT_SECONDS)
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        # Those that were begun and whose outcome is not yet written down, and how many of each endpoint have no answer.
        self._under_way: set[int] = set()
        self._busy: Counter[str] = Counter()
        self._outcomes: list[Outcome] = []
        self._later: asyncio.TimerHandle | None = None
        self._overdue = False
        # What is due, read ahead in the order of the queue.
        self._ahead: list[sqlite3.Row] = []

    def wake(self) -> None:
        """Something may be due, or may be due no more: look again."""
        self._ahead.clear()
        self._wake.set()

    async def run(self) -> None:
        """Send for as long as the sandbox runs. Called again where it failed."""
        # What is under way when the sandbox stops stands in the queue as not yet sent, and goes at the next start.
        self._write_down()
        self._under_way.clear()
        self._busy.clear()
        try:
            async with self._sender, asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    if self._overdue:
                        self._write_down()
                    self._look_ahead()
                    while (row := self._take()) is not None:
                        group.create_task(self._send(row))
                    await self._wait()
        finally:
            self._write_down()

    async def sent_once(self) -> None:
        """Wait until every event that was made so far has been tried once, what a fault delays or drops apart."""
        up_to = self._store.value("SELECT max(event_seq) FROM deliveries WHERE state = 'queued'")
        if up_to is None:
            return
        # What still waits to be overtaken goes last.
        self._store.run("UPDATE deliveries SET next_at = 0 WHERE state = 'queued' AND next_at > 0")
        self.wake()
        while self._untried(up_to):
            await self._changed.wait()

    def _untried(self, up_to: int) -> bool:
        answered = encode([row["id"] for row, _ in self._outcomes])
        return self._store.value(_UNTRIED, up_to, answered) is not None

    async def retried(self, moment: float) -> None:
        """Wait until every delivery that was to be tried, or tried again, by `moment` has been."""
        while self._store.value("SELECT 1 FROM deliveries WHERE state = 'waiting' AND next_at <= ? LIMIT 1", moment):
            self.wake()
            await self._changed.wait()

    def queued(self) -> int:
        """How many wait for their first try."""
        return int(self._store.value("SELECT count(*) FROM deliveries WHERE state = 'queued'"))

    def next_at(self) -> float | None:
        """When the next delivery is to be tried, on the sandbox's clock."""
        at: float | None = self._store.value("SELECT min(next_at) FROM deliveries WHERE state = 'waiting'")
        return at

    def resend(self, delivery_id: int) -> bool:
        """Send this one again now, whatever became of it; False when there is none."""
        if self._store.row("SELECT 1 FROM deliveries WHERE id = ?", delivery_id) is None:
            return False
        self._write_down()
        self._store.run("UPDATE deliveries SET state = 'queued', attempts = 0, next_at = 0 WHERE id = ?", delivery_id)
        self.wake()
        return True

    def recent(self, limit: int, **only: Any) -> list[sqlite3.Row]:
        """Deliveries, newest first, with their event's type and their endpoint's address.

        only: values that columns of `deliveries` must have; a tuple: one of them
        """
        self._write_down()
        wanted = {column: value if isinstance(value, tuple) else (value,) for column, value in only.items()}
        places = [f"deliveries.{column} IN ({', '.join('?' * len(values))})" for column, values in wanted.items()]
        sql = f"""
            SELECT deliveries.*, event.json ->> '$.type' AS event_type, endpoint.json ->> '$.url' AS url
            FROM deliveries
            LEFT JOIN objects AS event ON event.id = event_id
            LEFT JOIN objects AS endpoint ON endpoint.id = endpoint_id
            WHERE {" AND ".join(["1", *places])}
            ORDER BY deliveries.id DESC LIMIT ?
        """  # noqa: S608  # Only our own columns.
        return self._store.rows(sql, *(value for values in wanted.values() for value in values), limit)

    def _look_ahead(self) -> None:
        """Read the first that are due of each endpoint, in the order of the queue."""
        now = self._clock.timestamp()
        endpoints = self._store.rows("SELECT id FROM objects WHERE kind = 'webhook_endpoint'")
        found = [self._store.rows(_QUEUED, endpoint["id"], now, _AHEAD) for endpoint in endpoints]
        found.append(self._store.rows(_WAITED, now, _AHEAD * (1 + len(endpoints))))
        rows = [row for rows in found for row in rows if row["id"] not in self._under_way]
        self._ahead = sorted(rows, key=lambda row: float(row["position"]))

    def _take(self) -> sqlite3.Row | None:
        """Begin the first whose endpoint has room for it; while events are struck by faults, one by one."""
        if self._under_way and self._faults.settings.touches_events:
            return None
        for at, row in enumerate(self._ahead):
            if self._busy[row["endpoint_id"]] < PARALLEL:
                del self._ahead[at]
                self._under_way.add(row["id"])
                self._busy[row["endpoint_id"]] += 1
                return row
        return None

    async def _wait(self) -> None:
        """Until woken, or until the next one is due; at most a second, for the clock may be turned meanwhile."""
        now = self._clock.timestamp()
        ahead = [at for at in self._store.row(_NEXT, now) or () if at is not None]
        seconds = min([1.0, *(max(0.01, at - now) for at in ahead)])
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, first: sqlite3.Row) -> None:
        """This one, and then whatever is next for as long as there is anything."""
        row: sqlite3.Row | None = first
        while row is not None:
            try:
                answer = await self._attempt(row)
            finally:
                self._busy[row["endpoint_id"]] -= 1
            self._note(row, answer)
            row = self._take()
        if not self._busy.total():
            self._tell()

    def _note(self, row: sqlite3.Row, answer: Answer | None) -> None:
        """Remember an outcome. Only a first try that succeeds may wait to be written down: on others time depends."""
        self._outcomes.append((row, answer))
        waits = row["state"] == "queued" and is_delivered(answer) and not self._faults.settings.touches_events
        if not waits or len(self._outcomes) >= _TOGETHER:
            self._write_down()
        else:
            self._write_down_soon()

    def _write_down_soon(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._write_down_now)

    def _write_down_now(self) -> None:
        """By `run`, which begins anew where the file takes nothing."""
        self._overdue = True
        self._wake.set()

    def _write_down(self) -> None:
        """Outcomes in a transaction of their own: each by itself takes as long as its request does."""
        if self._outcomes:
            with self._store.transaction(), self.written_down():
                pass
            self.wake()
            self._tell()

    @contextmanager
    def written_down(self) -> Iterator[None]:
        """Within a transaction: outcomes are written with it, or remain to be written where it is rolled back."""
        outcomes, self._outcomes = self._outcomes, []
        if self._later is not None:
            self._later.cancel()
        self._later, self._overdue = None, False
        try:
            for row, answer in outcomes:
                record(self._store, self._clock.timestamp(), row, answer)
            yield
        except BaseException:
            self._outcomes = outcomes
            if outcomes:
                self._write_down_soon()
            raise
        self._under_way.difference_update(row["id"] for row, _ in outcomes)

    def _tell(self) -> None:
        """Wake who waits for outcomes."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _attempt(self, row: sqlite3.Row) -> Answer | None:
        """One request; what became of it. None when the endpoint is gone or disabled."""
        if row["url"] is None:
            return None
        body: bytes = row["text"].encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signer.sign(row["endpoint_id"], body),
        }
        answer: Answer = {"at": self._clock.timestamp(), "status": None, "error": None, "body": None}
        began = time.monotonic()
        try:
            status, said = await self._sender.post(row["url"], body, headers)
            answer |= {"status": status, "body": said}
        except SendingFailed as failure:
            answer["error"] = str(failure)
        return answer | {"milliseconds": round((time.monotonic() - began) * 1000)}
