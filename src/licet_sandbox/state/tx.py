"""One request, or one thing that fell due: its objects, its events and what it schedules, in one transaction."""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from licet_sandbox.errors import not_found
from licet_sandbox.spec.document import document
from licet_sandbox.spec.shapes import Obj, new, public
from licet_sandbox.state.clocks import OWN_TIME, advancing, read_clock
from licet_sandbox.state.text import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.state.store import Store

# What falls due, in the order in which it happens when it is due in the same second: a subscription that ends now
# is not renewed first.
RANKS = (
    "coupon.expire",
    "promotion_code.expire",
    "discount.end",
    "checkout.expire",
    "subscription.incomplete_expire",
    "subscription.resumption_expire",
    "subscription.update_expire",
    "subscription.trial_will_end",
    "subscription.upcoming_invoice",
    # Before the subscription's own moments: the renewal bills what the new phase says.
    "schedule.turn",
    "schedule.expiring",
    "subscription.cancel",
    "subscription.collect_again",
    "subscription.pause_end",
    "subscription.cycle",
    "invoice.finalize",
    "invoice.retry",
    "invoice.overdue",
    "refund.outcome",
    "charge.dispute",
    "dispute.decide",
    "dispute.deadline",
    "test_clock.expire",
)


@dataclass(frozen=True)
class Cause:
    """What asked for a change: an API request, or (both None) Stripe itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Host(Protocol):
    """The running sandbox, as far as a transaction needs it."""

    base_url: str

    @property
    def store(self) -> Store:
        """The sandbox's file."""

    def emit(self, tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
        """Store an event with this snapshot and queue its deliveries; previous: the old values of what changed."""

    def webhook_secret(self, endpoint_id: str) -> str:
        """The signing secret of a webhook endpoint."""

    def wake(self) -> None:
        """Look for due work once this transaction has ended, not only at the next poll."""


class Tx:
    """The only way to change anything. `now` is this moment in whole seconds: on the sandbox's clock, or, as soon as
    something of a customer is read who lives by a test clock, on that one; `clock` is its id.

    An object that was read is the same dict until the end; change it, then `save` it with the events that this makes.
    """

    def __init__(self, host: Host, now: int, cause: Cause, clock: str | None = None) -> None:
        self.host = host
        self.store = host.store
        self.now = self.sandbox_now = now
        self.clock = clock
        self.cause = cause
        self._loaded: dict[str, Obj] = {}
        self._saved: dict[str, str] = {}
        self._clocks: dict[str, str | None] = {}
        self._silent = False
        self.written: dict[str, Obj] = {}
        """Every object that this transaction made or changed."""

    @cached_property
    def endpoints(self) -> list[Obj]:
        """Those that webhooks go to. Read once: what changes one of them makes no event."""
        return self.select("webhook_endpoint")

    def new(self, kind: str, **fields: Any) -> Obj:
        """An object in Stripe's shape, stamped with this moment; not yet stored."""
        properties = document().schemas[kind]["properties"]
        if "created" in properties:
            fields.setdefault("created", self.now)
        if "test_clock" in properties:
            fields.setdefault("test_clock", self.clock)
        return new(kind, **fields)

    def create(self, kind: str, *events: str, **fields: Any) -> Obj:
        """A new object, stored, with its events."""
        return self.insert(self.new(kind, **fields), *events)

    def insert(self, obj: Obj, *events: str) -> Obj:
        """Store a new object; each event's snapshot is the object as it is now."""
        self.add(obj)
        for event in events:
            self.emit(event, obj)
        return obj

    def add(self, obj: Obj) -> int:
        """Store a new object; its place among all objects."""
        text, kind = encode(obj), obj["object"]
        clock = None if kind in OWN_TIME else self.clock
        self._check_still(clock)
        sql = "INSERT INTO objects (id, kind, created, clock, json) VALUES (?, ?, ?, ?, ?)"
        self._loaded[obj["id"]] = self.written[obj["id"]] = obj
        self._saved[obj["id"]] = text
        self._clocks[obj["id"]] = clock
        self._note_parts(obj)
        return self.store.run(sql, obj["id"], kind, obj.get("created", self.now), clock, text)

    def find(self, object_id: str, *, deleted: bool = False) -> Obj | None:
        """The object with this id, or None. A deleted one is only its id, and found only when asked for."""
        if object_id not in self._loaded:
            row = self.store.row("SELECT json, clock FROM objects WHERE id = ?", object_id)
            if row is None:
                return None
            self._loaded[object_id] = decode(row["json"])
            self._saved[object_id] = row["json"]
            self._clocks[object_id] = row["clock"]
            if row["clock"] is not None:
                self.live_by(row["clock"])
        found = self._loaded[object_id]
        return None if found.get("deleted") and not deleted else found

    def find_as_it_was(self, object_id: str) -> Obj | None:
        """The object with this id, or None; a deleted one as it last was."""
        found = self.find(object_id, deleted=True)
        if found is not None and found.get("deleted"):
            was: Obj = found["_"]["was"]
            return was
        return found

    def find_with(self, item_id: str) -> Obj | None:
        """The subscription that has this item, or None."""
        whole = self.store.value("SELECT whole FROM parts WHERE id = ?", item_id)
        found = None if whole is None else self.find(whole)
        return found if found is not None and any(item["id"] == item_id for item in found["items"]["data"]) else None

    def live_by(self, clock_id: str | None) -> None:
        """From here on `now` is the time of this test clock, or (None) of the sandbox."""
        if clock_id == self.clock:
            return
        clock = None if clock_id is None else read_clock(self.store, clock_id)
        self.clock = None if clock is None else clock_id
        self.now = self.sandbox_now if clock is None else clock["frozen_time"]

    def clock_of(self, obj: Obj) -> str | None:
        """The test clock that this object lives by, if any."""
        return self._clocks[obj["id"]]

    def move_to_clock(self, clock_id: str, ids: list[str]) -> None:
        """From here on these objects live by this test clock, and what was to fall due for them does so on it."""
        chosen = encode(ids)
        self.store.run("UPDATE objects SET clock = ? WHERE id IN (SELECT value FROM json_each(?))", clock_id, chosen)
        self.store.run("UPDATE due SET clock = ? WHERE object_id IN (SELECT value FROM json_each(?))", clock_id, chosen)
        self._clocks.update(dict.fromkeys(ids, clock_id))
        self.live_by(clock_id)

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Obj:
        """The object that a path names, or 404."""
        found = self.find(object_id)
        if found is None or found["object"] != kind:
            raise not_found(kind, object_id, param=param)
        return found

    def named(self, kind: str, object_id: str, param: str) -> Obj:
        """The object that a parameter names, or 400."""
        found = self.find(object_id)
        if found is None or found["object"] != kind:
            raise not_found(kind, object_id, param=param, status=400)
        return found

    def select(self, kind: str, where: str = "1", *values: Any) -> list[Obj]:
        """Objects of a kind, oldest first; `where` may use `json`."""
        sql = f"SELECT id FROM objects WHERE kind = ? AND NOT deleted AND {where} ORDER BY seq"  # noqa: S608
        found = [self.find(row["id"]) for row in self.store.rows(sql, kind, *values)]
        return [obj for obj in found if obj is not None]

    def save(self, obj: Obj, *events: str) -> Obj:
        """Store a change. An event that ends in `.updated` says what changed; without any change it is not sent."""
        before = decode(self._saved[obj["id"]])
        changed = {key: before.get(key) for key in obj.keys() | before.keys() if before.get(key) != obj.get(key)}
        if not changed:
            return obj
        if "updated" in obj and obj["object"] == "product":
            changed["updated"] = before["updated"]
            obj["updated"] = self.now
        self._write(obj)
        changed.pop("_", None)
        for event in events:
            if not event.endswith(".updated"):
                self.emit(event, obj)
            elif changed:
                self.emit(event, obj, previous=previous_attributes(changed, obj))
        return obj

    def delete(self, obj: Obj, *events: str) -> Obj:
        """Remove an object; the events show it as it was. Answers Stripe's stub."""
        for event in events:
            self.emit(event, obj)
        self._check_still(self.clock_of(obj))
        stub = {"id": obj["id"], "object": obj["object"], "deleted": True, "_": {"was": obj}}
        self.store.run("UPDATE objects SET deleted = 1, json = ? WHERE id = ?", encode(stub), obj["id"])
        self._loaded[obj["id"]] = stub
        self._saved[obj["id"]] = encode(stub)
        return stub

    def forget(self, object_id: str) -> None:
        """Let the id of a deleted object be used again, if it is one."""
        self.store.run("DELETE FROM objects WHERE id = ? AND deleted", object_id)
        self._loaded.pop(object_id, None)

    def emit(self, event_type: str, obj: Obj, *, previous: Obj | None = None) -> None:
        """An event about this object as it is now, queued for every endpoint that wants it."""
        if not self._silent:
            self.host.emit(self, event_type, public(obj), previous)

    def schedule(self, kind: str, object_id: str, at: int) -> None:
        """Let something fall due on the clock that the object lives by; a second call for the same object moves it."""
        sql = "INSERT OR REPLACE INTO due (kind, object_id, at, rank, clock) VALUES (?, ?, ?, ?, ?)"
        self.store.run(sql, kind, object_id, at, RANKS.index(kind), self._clocks[object_id])

    def unschedule(self, object_id: str, *kinds: str) -> None:
        """Take back what was to fall due for this object: these kinds, or all."""
        chosen = kinds or RANKS
        places = ", ".join("?" * len(chosen))
        self.store.run(f"DELETE FROM due WHERE kind IN ({places}) AND object_id = ?", *chosen, object_id)  # noqa: S608

    def due_at(self, kind: str, object_id: str) -> float:
        """When this falls due for this object; infinitely late where it does not."""
        at: int | None = self.store.value("SELECT at FROM due WHERE kind = ? AND object_id = ?", kind, object_id)
        return math.inf if at is None else at

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What happens in here is taken back at its end, the time included, and sends no events.

        Objects must be read again inside: those that were read before are left as they are.
        """
        now, clock, loaded, saved, written = self.now, self.clock, self._loaded, self._saved, dict(self.written)
        self._loaded, self._saved, self._silent = copy.deepcopy(loaded), dict(saved), True
        with self.store.rehearsal():
            try:
                yield
            finally:
                self.now, self.clock, self._loaded, self._saved, self._silent = now, clock, loaded, saved, False
                self.written = written

    def finish(self) -> None:
        """Called before the commit, where traffic is checked: a change that nobody saved is a mistake of ours."""
        forgotten = [key for key, obj in self._loaded.items() if decode(self._saved[key]) != obj]
        if forgotten:
            raise RuntimeError(f"changed but not saved: {forgotten}")

    def _write(self, obj: Obj) -> None:
        if self.clock is not None and obj.get("customer") and obj["object"] not in OWN_TIME:
            # A card that was nobody's, say.
            self._clocks[obj["id"]] = self.clock
        clock = self.clock_of(obj)
        self._check_still(clock)
        text = encode(obj)
        self.store.run("UPDATE objects SET json = ?, clock = ? WHERE id = ?", text, clock, obj["id"])
        self._saved[obj["id"]] = text
        self.written[obj["id"]] = obj
        self._note_parts(obj)

    def _note_parts(self, obj: Obj) -> None:
        if obj["object"] == "subscription":
            parts = [(item["id"], obj["id"]) for item in obj["items"]["data"]]
            self.store.run_many("INSERT OR IGNORE INTO parts (id, whole) VALUES (?, ?)", parts)

    def _check_still(self, clock_id: str | None) -> None:
        """429 where a request would change something whose time is passing just now."""
        if clock_id is None or self.cause.request_id is None or self._silent:
            return
        clock = read_clock(self.store, clock_id)
        if clock is not None and clock["status"] == "advancing":
            raise advancing()


def previous_attributes(changed: Obj, obj: Obj) -> Obj:
    """What changed, with its old values; inside a nested object only the keys that differ, as Stripe shows it."""
    shown: Obj = {}
    for key, old in changed.items():
        new_value = obj.get(key)
        if isinstance(old, dict) and isinstance(new_value, dict) and "object" not in old:
            keys = old.keys() | new_value.keys()
            shown[key] = {inner: old.get(inner) for inner in keys if old.get(inner) != new_value.get(inner)}
        else:
            shown[key] = old
    return shown
