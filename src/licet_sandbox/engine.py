"""The parts that a running sandbox shares: file, clock, faults, secrets and delivery queue."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.collection.dunning import Dunning, save_dunning
from licet_sandbox.billing.customers import entitlements, test_clocks
from licet_sandbox.billing.scheduler import HANDLERS
from licet_sandbox.clock import Clock
from licet_sandbox.errors import StripeError
from licet_sandbox.events.delivery import Deliveries
from licet_sandbox.events.emit import Emitter
from licet_sandbox.events.signing import load_signer
from licet_sandbox.faults import Faults
from licet_sandbox.ids import new_id
from licet_sandbox.state.store import Store
from licet_sandbox.state.tx import Cause, Tx

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from licet_sandbox.events.signing import Signer
    from licet_sandbox.spec.shapes import Obj

NO_REQUEST = Cause()


class Engine:
    """The running sandbox. `Sandbox.start` opens it, `Sandbox.stop` closes it."""

    def __init__(self, db_path: Path | None, base_url: str, validate: Callable[[str, str, Any], None] | None) -> None:
        self.store = Store(db_path)
        self.base_url = base_url
        self.clock = Clock(float(self.store.get_meta("offset") or 0))
        self.signer = self._load_signer(db_path)
        self.faults = Faults(self.store)
        self.deliveries = Deliveries(self.store, self.clock, self.signer, self.faults)
        self.woken = asyncio.Event()
        """Set by `wake`; the timekeeper waits for it and clears it."""
        self._clock_moved = False
        """True if the clock has moved since its offset was last saved."""
        self._emitter = Emitter(self.clock, self.faults, self.check)
        self._validate = validate
        if self.store.get_meta("account") is None:
            self.store.set_meta("account", new_id("account"))
            self.store.set_meta("started", str(int(time.time())))

    def _load_signer(self, db_path: Path | None) -> Signer:
        """Loads the signer. The file is locked before, so that no other process creates a seed meanwhile."""
        try:
            return load_signer(db_path)
        except BaseException:
            self.store.close()
            raise

    @contextmanager
    def transaction(
        self, cause: Cause = NO_REQUEST, *, at: int | None = None, test_clock: str | None = None
    ) -> Iterator[Tx]:
        """Commits state, events and queue together, or nothing.

        A StripeError with `keep` is raised after the commit; every other error rolls back.

        at: the time of the transaction, on this test clock or the sandbox's clock; by default now
        """
        to_raise: StripeError | None = None
        with self.store.transaction(), self.deliveries.saving_outcomes():
            self._write_clock()
            tx = Tx(self, at if at is not None else int(self.clock.timestamp()), cause, test_clock)
            try:
                yield tx
            except StripeError as error:
                if not error.keep:
                    raise
                to_raise = error
            entitlements.update_entitlements(tx)
            if self._validate is not None:
                tx.check_saved()
        self._clock_moved = False
        for kind, object_id in tx.due_at_once:
            self._run_at_once(kind, object_id)
        self.deliveries.wake()
        if to_raise is not None:
            raise to_raise

    def emit(self, tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
        """Stores an event with this snapshot and queues its deliveries; previous: old values of what changed."""
        self._emitter.emit(tx, event_type, obj, previous)

    def webhook_secret(self, endpoint_id: str) -> str:
        """The signing secret of a webhook endpoint."""
        return self.signer.secret(endpoint_id)

    def wake(self) -> None:
        """Makes the timekeeper look for due work now, not only at the next poll."""
        self.woken.set()

    def check(self, what: str, name: str, value: Any) -> None:
        """Validates traffic against Stripe's OpenAPI document, if a validator was given."""
        if self._validate is not None:
            self._validate(what, name, value)

    def next_due_at(self) -> int | None:
        """When work is next due on the sandbox's clock, deliveries excepted; or None."""
        at: int | None = self.store.value("SELECT min(at) FROM due WHERE clock IS NULL")
        return at

    def run_due(self, until: float) -> bool:
        """Runs the first work that is due by `until`, at the time when it was due.

        Returns False if there was none.
        """
        first = "SELECT * FROM due WHERE clock IS NULL AND at <= ? ORDER BY at, rank, rowid LIMIT 1"
        row = self.store.row(first, until)
        if row is not None:
            self._run_due_row(row)
        return row is not None

    def run_test_clocks(self) -> bool:
        """Runs the first work that is due on a test clock, or finishes an advance.

        Returns False if there was none.
        """
        row = test_clocks.next_due(self.store)
        if row is not None:
            self._run_due_row(row)
            return True
        clock_id = test_clocks.advancing_clock(self.store)
        if clock_id is not None:
            with self.transaction() as tx:
                test_clocks.finish_advancing(tx, clock_id)
        return clock_id is not None

    def _run_at_once(self, kind: str, object_id: str) -> None:
        """Runs work that was scheduled a moment ago, unless that was rolled back or is to come later."""
        sql = "SELECT * FROM due WHERE kind = ? AND object_id = ?"
        row = self.store.row(sql, kind, object_id)
        if row is not None:
            self._run_due_row(row)

    def _run_due_row(self, row: sqlite3.Row) -> None:
        with self.transaction(at=row["at"], test_clock=row["clock"]) as tx:
            tx.unschedule(row["object_id"], row["kind"])
            HANDLERS[row["kind"]](tx, row["object_id"])

    def advance_clock(self, moment: float) -> None:
        """Moves the clock forward. The next transaction, or `save_clock`, stores the new offset."""
        self.clock.advance_to(moment)
        self._clock_moved = True

    def save_clock(self) -> None:
        """Stores the current offset of the clock."""
        self._write_clock()
        self._clock_moved = False

    def _write_clock(self) -> None:
        if self._clock_moved:
            self.store.set_meta("offset", repr(self.clock.offset))

    def reset(self) -> None:
        """Deletes every object, event and delivery. Webhook endpoints, the account's id and the clock stay."""
        with self.store.transaction():
            self.store.run("DELETE FROM objects WHERE kind != 'webhook_endpoint'")
            for table in ("deliveries", "due", "idempotency", "parts"):
                self.store.run(f"DELETE FROM {table}")  # noqa: S608
            self.faults.set({})
            save_dunning(self.store, Dunning())
        self.deliveries.wake()

    def close(self) -> None:
        """Closes the file."""
        self.store.close()
