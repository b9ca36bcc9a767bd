"""What all parts of a running sandbox share: its file, clock, faults, secrets and delivery queue."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import entitlements
from licet_sandbox.billing.due import HANDLERS
from licet_sandbox.billing.dunning import Dunning, save_dunning
from licet_sandbox.clock import Clock
from licet_sandbox.errors import StripeError
from licet_sandbox.events.delivery import Deliveries
from licet_sandbox.events.emit import make_event
from licet_sandbox.events.signing import load_signer
from licet_sandbox.faults import Faults
from licet_sandbox.ids import new_id
from licet_sandbox.state.store import Store
from licet_sandbox.state.tx import Cause, Tx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from licet_sandbox.spec.shapes import Obj

NOBODY = Cause()


class Engine:
    """Opened by `Sandbox.start`, closed by `Sandbox.stop`."""

    def __init__(self, db_path: Path | None, base_url: str, validate: Callable[[str, str, Any], None] | None) -> None:
        self.store = Store(db_path)
        self.base_url = base_url
        self.clock = Clock(float(self.store.get_meta("offset") or 0))
        self.signer = load_signer(db_path)
        self.faults = Faults(self.store)
        self.deliveries = Deliveries(self.store, self.clock, self.signer, self.faults)
        self._validate = validate
        if self.store.get_meta("account") is None:
            self.store.set_meta("account", new_id("account"))
            self.store.set_meta("started", str(int(time.time())))

    @contextmanager
    def transaction(self, cause: Cause = NOBODY, *, at: int | None = None) -> Iterator[Tx]:
        """State, events and queue together, or nothing. A StripeError with `keep` is committed and raised again."""
        kept: StripeError | None = None
        with self.store.transaction():
            tx = Tx(self, at if at is not None else int(self.clock.timestamp()), cause)
            try:
                yield tx
            except StripeError as error:
                if not error.keep:
                    raise
                kept = error
            entitlements.follow(tx)
            if self._validate is not None:
                tx.finish()
        self.deliveries.wake()
        if kept is not None:
            raise kept

    def emit(self, tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
        """An event about this object as it is now, queued for every endpoint that wants it."""
        make_event(tx, event_type, obj, previous)

    def check(self, what: str, name: str, value: Any) -> None:
        """Compare traffic with Stripe's OpenAPI document, where a validator was given."""
        if self._validate is not None:
            self._validate(what, name, value)

    def next_due_at(self) -> int | None:
        """When the next thing falls due on the sandbox's clock, deliveries apart."""
        at: int | None = self.store.value("SELECT min(at) FROM due")
        return at

    def run_due(self, until: float) -> bool:
        """Do the first thing that is due by `until`, stamped with the time it fell due; False when there is none."""
        row = self.store.row("SELECT * FROM due WHERE at <= ? ORDER BY at, rank, rowid LIMIT 1", until)
        if row is None:
            return False
        with self.transaction(at=row["at"]) as tx:
            tx.unschedule(row["object_id"], row["kind"])
            HANDLERS[row["kind"]](tx, row["object_id"])
        return True

    def turn_clock(self, moment: float) -> None:
        """Move the clock forward and remember it."""
        self.clock.turn_to(moment)
        self.store.set_meta("offset", repr(self.clock.offset))

    def reset(self) -> None:
        """Forget every object, event and delivery. Webhook endpoints, the account's id and the clock stay."""
        with self.store.transaction():
            self.store.run("DELETE FROM objects WHERE kind != 'webhook_endpoint'")
            for table in ("deliveries", "due", "idempotency"):
                self.store.run(f"DELETE FROM {table}")  # noqa: S608
            self.faults.set({})
            save_dunning(self.store, Dunning())
        self.deliveries.wake()

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()
