"""The delivery queue: every event to every endpoint that wants it, signed, at least once, retried with backoff."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from licet_sandbox.events.sending import Sender, SendingFailed

if TYPE_CHECKING:
    import sqlite3

    from licet_sandbox.clock import Clock
    from licet_sandbox.events.signing import Signer
    from licet_sandbox.faults import Faults
    from licet_sandbox.state.store import Store

log = logging.getLogger("licet_sandbox.delivery")

TIMEOUT_SECONDS = 10
# To one endpoint at the same time; another that hangs keeps nobody waiting.
PARALLEL = 4
# Seconds from one try to the next, on the sandbox's clock: about three days in all, as Stripe's live mode does.
BACKOFF_SECONDS = (10, 60, 300, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)

# For so long an outcome waits for others, to be written down together.
_GATHER_SECONDS = 0.01

# A delivery, and what became of its request: None when its endpoint is gone or disabled.
Outcome = tuple["sqlite3.Row", "dict[str, Any] | None"]

# First tries whose turn it is: what a fault moved waits to be overtaken, but not for ever.
_QUEUED = """
    SELECT * FROM deliveries
    WHERE state = 'queued' AND endpoint_id = ? AND (next_at <= ? OR position <= (SELECT max(id) FROM deliveries))
    ORDER BY position LIMIT ?
"""
_AHEAD = """
    SELECT (SELECT min(next_at) FROM deliveries WHERE state = 'waiting' AND next_at > ?1),
        (SELECT min(next_at) FROM deliveries WHERE state = 'queued' AND next_at > 0 AND next_at > ?1)
"""
_WAITED = "SELECT * FROM deliveries WHERE state = 'waiting' AND next_at <= ? ORDER BY next_at, position LIMIT ?"


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
        self._crowded = False
        """Was the last look through the queue cut short, because somebody was busy?"""

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Send for as long as the sandbox runs."""
        # What is under way when the sandbox stops stands in the queue as not yet sent, and goes at the next start.
        try:
            async with self._sender, asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    self._start_due(group)
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
        left = "SELECT 1 FROM deliveries WHERE state = 'queued' AND event_seq <= ? LIMIT 1"
        while self._store.value(left, up_to) is not None:
            await self._changed.wait()

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

    def _start_due(self, group: asyncio.TaskGroup) -> None:
        one_by_one = self._faults.settings.touches_events
        self._crowded = False
        for row in self._due():
            if row["id"] in self._under_way:
                continue
            if self._busy[row["endpoint_id"]] >= PARALLEL or (one_by_one and self._under_way):
                self._crowded = True
                continue
            self._under_way.add(row["id"])
            self._busy[row["endpoint_id"]] += 1
            group.create_task(self._send(row))

    def _due(self) -> list[sqlite3.Row]:
        """The first that are due of each endpoint, in the order of the queue."""
        now, most = self._clock.timestamp(), 2 * PARALLEL
        endpoints = self._store.rows("SELECT id FROM objects WHERE kind = 'webhook_endpoint'")
        queued = [row for endpoint in endpoints for row in self._store.rows(_QUEUED, endpoint["id"], now, most)]
        waited = self._store.rows(_WAITED, now, most * (1 + len(endpoints)))
        return sorted([*queued, *waited], key=lambda row: float(row["position"]))

    async def _wait(self) -> None:
        """Until woken, or until the next one is due; at most a second, for the clock may be turned meanwhile."""
        now = self._clock.timestamp()
        ahead = [at for at in self._store.row(_AHEAD, now) or () if at is not None]
        seconds = min([1.0, *(max(0.01, at - now) for at in ahead)])
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, row: sqlite3.Row) -> None:
        try:
            self._outcomes.append((row, await self._attempt(row)))
        finally:
            self._busy[row["endpoint_id"]] -= 1
        if len(self._outcomes) >= PARALLEL or not self._busy.total():
            self._write_down()
            return
        if len(self._outcomes) == 1:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._write_down)
        if self._crowded:
            self.wake()

    def _write_down(self) -> None:
        """A few outcomes in one transaction: each by itself takes as long as its request does."""
        if not self._outcomes:
            return
        with self._store.transaction():
            for row, answer in self._outcomes:
                self._record(row, answer)
        self._under_way.difference_update(row["id"] for row, _ in self._outcomes)
        self._outcomes.clear()
        self.wake()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _attempt(self, row: sqlite3.Row) -> dict[str, Any] | None:
        """One request; what became of it. None when the endpoint is gone or disabled."""
        text = self._store.value("SELECT json FROM objects WHERE id = ? AND NOT deleted", row["endpoint_id"])
        endpoint = json.loads(text) if text is not None else None
        if endpoint is None or endpoint["status"] != "enabled":
            return None
        body: str = row["body"] or self._store.value("SELECT json FROM objects WHERE id = ?", row["event_id"])
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signer.sign(row["endpoint_id"], body),
        }
        answer: dict[str, Any] = {"at": self._clock.timestamp(), "status": None, "error": None, "body": None}
        began = time.monotonic()
        try:
            status, said = await self._sender.post(endpoint["url"], body.encode(), headers)
            answer |= {"status": status, "body": said}
        except SendingFailed as failure:
            answer["error"] = str(failure)
        return answer | {"milliseconds": round((time.monotonic() - began) * 1000)}

    def _record(self, row: sqlite3.Row, answer: dict[str, Any] | None) -> None:
        if answer is None:
            self._store.run("UPDATE deliveries SET state = 'canceled' WHERE id = ?", row["id"])
            return
        attempts = row["attempts"] + 1
        state, next_at = "waiting", 0.0
        if answer["status"] is not None and 200 <= answer["status"] < 300:
            state = "delivered"
        elif attempts > len(BACKOFF_SECONDS):
            state = "failed"
        else:
            next_at = self._clock.timestamp() + BACKOFF_SECONDS[attempts - 1]
        if state != "delivered":
            log.warning("delivery %s of %s: %s", row["id"], row["event_id"], answer["status"] or answer["error"])
        answers = json.dumps([*json.loads(row["answers"]), answer])
        self._store.run(
            "UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, answers = ? WHERE id = ?",
            state,
            attempts,
            next_at,
            answers,
            row["id"],
        )
