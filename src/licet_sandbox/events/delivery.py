"""The delivery queue: every event to every endpoint that wants it, signed, at least once, retried with backoff."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import sqlite3

    from licet_sandbox.clock import Clock
    from licet_sandbox.events.signing import Signer
    from licet_sandbox.faults import Faults
    from licet_sandbox.state.store import Store

log = logging.getLogger("licet_sandbox.delivery")

TIMEOUT_SECONDS = 10
PARALLEL = 4
# Seconds from one try to the next, on the sandbox's clock: about three days in all, as Stripe's live mode does.
BACKOFF_SECONDS = (10, 60, 300, 1800, 7200, 18000, 36000, 43200, 43200, 43200, 43200)

_DUE = "state = 'pending' AND (next_at <= ? OR (attempts = 0 AND position <= (SELECT max(id) FROM deliveries)))"


@cache
def _tls() -> ssl.SSLContext:
    """Reading the machine's certificates takes 30 ms: once is enough."""
    return ssl.create_default_context()


class Deliveries:
    """Sends what is due in the order of the queue, a few at a time. All of its state stands in the file."""

    def __init__(self, store: Store, clock: Clock, signer: Signer, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._clock = clock
        self._signer = signer
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._under_way: set[int] = set()
        self._client: httpx.AsyncClient | None = None

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Send for as long as the sandbox runs."""
        # No proxies from the environment: these are machines that the developer named. What is under way when the
        # sandbox stops stands in the queue as not yet sent, and goes at the next start.
        self._client = httpx.AsyncClient(verify=_tls(), timeout=TIMEOUT_SECONDS, trust_env=False)
        async with self._client, asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                self._start_due(group)
                await self._wait()

    async def sent_once(self, up_to: int | None = None) -> None:
        """Wait until every event made so far (or up to this `seq`) has been sent once. Those held back go now."""
        if up_to is None:
            up_to = self._store.value("SELECT coalesce(max(event_seq), 0) FROM deliveries")
        where = "state = 'pending' AND attempts = 0 AND event_seq <= ?"
        self._store.run(f"UPDATE deliveries SET next_at = 0 WHERE {where}", up_to)  # noqa: S608
        self.wake()
        while self._store.value(f"SELECT count(*) FROM deliveries WHERE {where}", up_to):  # noqa: S608
            await self._changed.wait()

    async def retried(self, moment: float) -> None:
        """Wait until every delivery that was to be tried again by `moment` has been."""
        self.wake()
        while self._store.value("SELECT count(*) FROM deliveries WHERE state = 'pending' AND next_at <= ?", moment):
            await self._changed.wait()

    def next_at(self) -> float | None:
        """When the next delivery is to be tried, on the sandbox's clock."""
        at: float | None = self._store.value("SELECT min(next_at) FROM deliveries WHERE state = 'pending'")
        return at

    def resend(self, delivery_id: int) -> bool:
        """Send this one again now, whatever became of it; False when there is none."""
        if self._store.row("SELECT 1 FROM deliveries WHERE id = ?", delivery_id) is None:
            return False
        self._store.run("UPDATE deliveries SET state = 'pending', attempts = 0, next_at = 0 WHERE id = ?", delivery_id)
        self.wake()
        return True

    def recent(self, limit: int, delivery_id: int | None = None) -> list[sqlite3.Row]:
        """Deliveries, newest first, with their event's type and their endpoint's address; or one alone."""
        sql = """
            SELECT deliveries.*, event.json ->> '$.type' AS event_type, endpoint.json ->> '$.url' AS url
            FROM deliveries
            LEFT JOIN objects AS event ON event.id = event_id
            LEFT JOIN objects AS endpoint ON endpoint.id = endpoint_id
            WHERE ?1 IS NULL OR deliveries.id = ?1
            ORDER BY deliveries.id DESC LIMIT ?2
        """
        return self._store.rows(sql, delivery_id, limit)

    def _start_due(self, group: asyncio.TaskGroup) -> None:
        most = 1 if self._faults.repeatable else PARALLEL
        sql = f"SELECT * FROM deliveries WHERE {_DUE} ORDER BY position LIMIT ?"  # noqa: S608
        for row in self._store.rows(sql, self._clock.timestamp(), 2 * PARALLEL):
            if row["id"] not in self._under_way and len(self._under_way) < most:
                self._under_way.add(row["id"])
                group.create_task(self._send(row))

    async def _wait(self) -> None:
        """Until woken, or until the next one is due; at most a second, for the clock may be turned meanwhile."""
        ahead = self._store.value(
            "SELECT min(next_at) FROM deliveries WHERE state = 'pending' AND next_at > ?", self._clock.timestamp()
        )
        seconds = 1.0 if ahead is None else min(1.0, max(0.01, ahead - self._clock.timestamp()))
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, row: sqlite3.Row) -> None:
        try:
            answer = await self._attempt(row)
            self._record(row, answer)
        finally:
            self._under_way.discard(row["id"])
            self.wake()
            self._changed.set()
            self._changed = asyncio.Event()

    async def _attempt(self, row: sqlite3.Row) -> dict[str, Any] | None:
        """One request; what became of it. None when the endpoint is gone."""
        endpoint = self._store.value("SELECT json FROM objects WHERE id = ? AND NOT deleted", row["endpoint_id"])
        if endpoint is None or self._client is None:
            return None
        body: str = self._store.value("SELECT json FROM objects WHERE id = ?", row["event_id"])
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signer.sign(row["endpoint_id"], body),
        }
        answer: dict[str, Any] = {"at": self._clock.timestamp(), "status": None, "error": None, "body": None}
        began = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._client.post(json.loads(endpoint)["url"], content=body, headers=headers)
            answer |= {"status": response.status_code, "body": response.text[:1000]}
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            answer["error"] = type(error).__name__
        return answer | {"milliseconds": round((time.monotonic() - began) * 1000)}

    def _record(self, row: sqlite3.Row, answer: dict[str, Any] | None) -> None:
        if answer is None:
            self._store.run("UPDATE deliveries SET state = 'canceled' WHERE id = ?", row["id"])
            return
        attempts = row["attempts"] + 1
        state, next_at = "pending", 0.0
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
