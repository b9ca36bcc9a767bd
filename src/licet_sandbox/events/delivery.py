"""The delivery queue: every event to every endpoint that listens, signed, retried with backoff."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from licet_sandbox.events.outcomes import DeliveryOutcome, EndpointResponse, is_delivered, save_outcome
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
# Deliveries to one endpoint at the same time; an endpoint that hangs does not delay others.
MAX_PARALLEL = 4
# Deliveries of an endpoint that are read at once: more than can be under way or waiting to be saved.
_AHEAD = 32

# How long an outcome waits for others, or for the next transaction, to be saved with them; and how many wait.
_GATHER_SECONDS = 0.01
_MAX_GATHERED = 16

# A delivery with its body and URL; `url` is NULL when its endpoint is deleted or disabled.
_ROWS = """
    SELECT *, coalesce(body, (SELECT json FROM objects WHERE id = event_id)) AS text,
        (SELECT json ->> '$.url' FROM objects
            WHERE id = endpoint_id AND NOT deleted AND json ->> '$.status' = 'enabled') AS url
    FROM deliveries
"""
# First attempts that are due. A reordered delivery waits for later ones to overtake it, but not forever.
_QUEUED = f"""
    {_ROWS} WHERE state = 'queued' AND endpoint_id = ?
        AND (next_at <= ? OR position <= (SELECT max(id) FROM deliveries))
    ORDER BY position LIMIT ?
"""  # noqa: S608  # No input in it.
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
    """Sends due deliveries in the order of the queue, a few at a time. Its state is in the file."""

    def __init__(self, store: Store, clock: Clock, signer: Signer, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._clock = clock
        self._signer = signer
        self._sender = Sender(TIMEOUT_SECONDS)
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        # Deliveries whose outcome is not yet saved, and the number of open requests by endpoint.
        self._under_way: set[int] = set()
        self._busy: Counter[str] = Counter()
        self._outcomes: list[DeliveryOutcome] = []
        self._later: asyncio.TimerHandle | None = None
        self._overdue = False
        # Due deliveries, read ahead in the order of the queue.
        self._ahead: list[sqlite3.Row] = []

    def wake(self) -> None:
        """Makes `run` read the queue again."""
        self._ahead.clear()
        self._wake.set()

    async def run(self) -> None:
        """Sends deliveries for as long as the sandbox runs. It is called again after a failure."""
        # What is under way when the sandbox stops is still queued in the file, and is sent at the next start.
        self._save_outcomes()
        self._under_way.clear()
        self._busy.clear()
        try:
            async with self._sender, asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    if self._overdue:
                        self._save_outcomes()
                    self._look_ahead()
                    while (row := self._next_row()) is not None:
                        group.create_task(self._send(row))
                    await self._wait()
        finally:
            self._save_outcomes()

    async def wait_until_sent(self) -> None:
        """Waits until every event so far has been tried once.

        Does not wait for deliveries that a fault delays or drops.
        """
        up_to = self._store.value("SELECT max(event_seq) FROM deliveries WHERE state = 'queued'")
        if up_to is None:
            return
        # Deliveries that still wait to be overtaken go last.
        self._store.run("UPDATE deliveries SET next_at = 0 WHERE state = 'queued' AND next_at > 0")
        self.wake()
        while self._has_untried(up_to):
            await self._changed.wait()

    def _has_untried(self, up_to: int) -> bool:
        answered = encode([row["id"] for row, _ in self._outcomes])
        return self._store.value(_UNTRIED, up_to, answered) is not None

    async def wait_until_retried(self, moment: float) -> None:
        """Waits until every delivery that was due by `moment` has been tried."""
        while self._store.value("SELECT 1 FROM deliveries WHERE state = 'waiting' AND next_at <= ? LIMIT 1", moment):
            self.wake()
            await self._changed.wait()

    def count_queued(self) -> int:
        """The number of deliveries that wait for their first attempt."""
        return int(self._store.value("SELECT count(*) FROM deliveries WHERE state = 'queued'"))

    def next_retry_at(self) -> float | None:
        """When the next waiting delivery is due, on the sandbox's clock; or None."""
        at: float | None = self._store.value("SELECT min(next_at) FROM deliveries WHERE state = 'waiting'")
        return at

    def resend(self, delivery_id: int) -> bool:
        """Sends a delivery again now, whatever its state; False if there is none."""
        if self._store.row("SELECT 1 FROM deliveries WHERE id = ?", delivery_id) is None:
            return False
        self._save_outcomes()
        self._store.run("UPDATE deliveries SET state = 'queued', attempts = 0, next_at = 0 WHERE id = ?", delivery_id)
        self.wake()
        return True

    def recent(self, limit: int, **only: Any) -> list[sqlite3.Row]:
        """Deliveries, newest first, with the type of the event and the URL of the endpoint.

        only: values of columns of `deliveries`; a tuple: any one of them
        """
        self._save_outcomes()
        conditions = {column: value if isinstance(value, tuple) else (value,) for column, value in only.items()}
        places = [f"deliveries.{column} IN ({', '.join('?' * len(values))})" for column, values in conditions.items()]
        sql = f"""
            SELECT deliveries.*, event.json ->> '$.type' AS event_type, endpoint.json ->> '$.url' AS url
            FROM deliveries
            LEFT JOIN objects AS event ON event.id = event_id
            LEFT JOIN objects AS endpoint ON endpoint.id = endpoint_id
            WHERE {" AND ".join(["1", *places])}
            ORDER BY deliveries.id DESC LIMIT ?
        """  # noqa: S608  # The columns are not input.
        return self._store.rows(sql, *(value for values in conditions.values() for value in values), limit)

    def _look_ahead(self) -> None:
        """Reads the first due deliveries of each endpoint, in the order of the queue."""
        now = self._clock.timestamp()
        endpoints = self._store.rows("SELECT id FROM objects WHERE kind = 'webhook_endpoint'")
        found = [self._store.rows(_QUEUED, endpoint["id"], now, _AHEAD) for endpoint in endpoints]
        found.append(self._store.rows(_WAITED, now, _AHEAD * (1 + len(endpoints))))
        rows = [row for rows in found for row in rows if row["id"] not in self._under_way]
        self._ahead = sorted(rows, key=lambda row: float(row["position"]))

    def _next_row(self) -> sqlite3.Row | None:
        """The first delivery whose endpoint has room for it, or None.

        With delivery faults they are sent one by one.
        """
        if self._under_way and self._faults.settings.touches_events:
            return None
        for at, row in enumerate(self._ahead):
            if self._busy[row["endpoint_id"]] < MAX_PARALLEL:
                del self._ahead[at]
                self._under_way.add(row["id"])
                self._busy[row["endpoint_id"]] += 1
                return row
        return None

    async def _wait(self) -> None:
        """Waits until woken or until the next one is due; at most 1 s, since the clock may be advanced."""
        now = self._clock.timestamp()
        ahead = [at for at in self._store.row(_NEXT, now) or () if at is not None]
        seconds = min([1.0, *(max(0.01, at - now) for at in ahead)])
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, first: sqlite3.Row) -> None:
        """Sends this delivery, then the next ones for as long as there are any."""
        row: sqlite3.Row | None = first
        while row is not None:
            try:
                answer = await self._attempt(row)
            finally:
                self._busy[row["endpoint_id"]] -= 1
            self._keep_outcome(row, answer)
            row = self._next_row()
        if not self._busy.total():
            self._notify()

    def _keep_outcome(self, row: sqlite3.Row, answer: EndpointResponse | None) -> None:
        """Keeps an outcome until it is saved.

        Only the outcome of a first attempt that succeeded may wait: the time of a retry depends on the others.
        """
        self._outcomes.append((row, answer))
        waits = row["state"] == "queued" and is_delivered(answer) and not self._faults.settings.touches_events
        if not waits or len(self._outcomes) >= _MAX_GATHERED:
            self._save_outcomes()
        else:
            self._save_outcomes_soon()

    def _save_outcomes_soon(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._save_outcomes_now)

    def _save_outcomes_now(self) -> None:
        """Makes `run` save the outcomes. `run` restarts if the file cannot be written."""
        self._overdue = True
        self._wake.set()

    def _save_outcomes(self) -> None:
        """Saves the outcomes in one transaction: each by itself would take as long as its request."""
        if self._outcomes:
            with self._store.transaction(), self.saving_outcomes():
                pass
            self.wake()
            self._notify()

    @contextmanager
    def saving_outcomes(self) -> Iterator[None]:
        """Saves the outcomes in the surrounding transaction.

        If it is rolled back, they are kept for the next one.
        """
        outcomes, self._outcomes = self._outcomes, []
        if self._later is not None:
            self._later.cancel()
        self._later, self._overdue = None, False
        try:
            for row, answer in outcomes:
                save_outcome(self._store, self._clock.timestamp(), row, answer)
            yield
        except BaseException:
            self._outcomes = outcomes
            if outcomes:
                self._save_outcomes_soon()
            raise
        self._under_way.difference_update(row["id"] for row, _ in outcomes)

    def _notify(self) -> None:
        """Wakes the tasks that wait for outcomes."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _attempt(self, row: sqlite3.Row) -> EndpointResponse | None:
        """Sends one request; returns the response. None when the endpoint is deleted or disabled."""
        if row["url"] is None:
            return None
        body: bytes = row["text"].encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signer.sign(row["endpoint_id"], body),
        }
        answer: EndpointResponse = {"at": self._clock.timestamp(), "status": None, "error": None, "body": None}
        began = time.monotonic()
        try:
            status, text = await self._sender.post(row["url"], body, headers)
            answer |= {"status": status, "body": text}
        except SendingFailed as failure:
            answer["error"] = str(failure)
        return answer | {"milliseconds": round((time.monotonic() - began) * 1000)}
