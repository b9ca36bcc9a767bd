"""One transaction of a request or of due work: its objects, its events and what it schedules."""

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
from licet_sandbox.state.clocks import SANDBOX_TIME_KINDS, clock_advancing_error, read_clock
from licet_sandbox.state.text import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licet_sandbox.state.store import Store

# The kinds of due work, in the order in which they run within one second: a subscription that ends now is not renewed
# first.
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
    # Before the work of the subscription: its renewal bills the prices of the new phase.
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

# Work that the request that schedules it does at its end: the next request finds it done.
AT_ONCE = ("charge.dispute",)


@dataclass(frozen=True)
class Cause:
    """What caused a change: an API request, or (both None) Stripe itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Host(Protocol):
    """What a transaction needs of the running sandbox."""

    base_url: str

    @property
    def store(self) -> Store:
        """The sandbox's file."""

    def emit(self, tx: Tx, event_type: str, obj: Obj, previous: Obj | None) -> None:
        """Stores an event with this snapshot and queues its deliveries; previous: old values of what changed."""

    def webhook_secret(self, endpoint_id: str) -> str:
        """The signing secret of a webhook endpoint."""

    def wake(self) -> None:
        """Looks for due work after this transaction, not only at the next poll."""


class Tx:
    """The only way to change objects.

    `now` is the time of the transaction in whole seconds: of the sandbox's clock, or, once an object of a customer on a
    test clock was read, of that test clock; `clock` is its id. An object that was read is the same dict until the end;
    change it, then call `save` with the events to emit.
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
        self.due_at_once: list[tuple[str, str]] = []
        """Kind and object of the work to do as soon as this transaction is committed."""
        self.written: dict[str, Obj] = {}
        """Every object that this transaction created or changed."""

    @cached_property
    def endpoints(self) -> list[Obj]:
        """The webhook endpoints. Read once: changes to endpoints emit no events."""
        return self.select("webhook_endpoint")

    def new(self, kind: str, **fields: Any) -> Obj:
        """An object in Stripe's shape, created at `now`; not yet stored."""
        properties = document().schemas[kind]["properties"]
        if "created" in properties:
            fields.setdefault("created", self.now)
        if "test_clock" in properties:
            fields.setdefault("test_clock", self.clock)
        return new(kind, **fields)

    def create(self, kind: str, *events: str, **fields: Any) -> Obj:
        """Stores a new object and emits its events."""
        return self.insert(self.new(kind, **fields), *events)

    def insert(self, obj: Obj, *events: str) -> Obj:
        """Stores a new object; the snapshot of each event is the object as it is now."""
        self.add(obj)
        for event in events:
            self.emit(event, obj)
        return obj

    def add(self, obj: Obj) -> int:
        """Stores a new object; returns its sequence number among all objects."""
        text, kind = encode(obj), obj["object"]
        clock = None if kind in SANDBOX_TIME_KINDS else self.clock
        self._check_not_advancing(clock)
        sql = "INSERT INTO objects (id, kind, created, clock, json) VALUES (?, ?, ?, ?, ?)"
        self._loaded[obj["id"]] = self.written[obj["id"]] = obj
        self._saved[obj["id"]] = text
        self._clocks[obj["id"]] = clock
        self._save_parts(obj)
        return self.store.run(sql, obj["id"], kind, obj.get("created", self.now), clock, text)

    def find(self, object_id: str, *, deleted: bool = False) -> Obj | None:
        """The object with this id, or None. A deleted one is only a stub, and only found with `deleted`."""
        if object_id not in self._loaded:
            row = self.store.row("SELECT json, clock FROM objects WHERE id = ?", object_id)
            if row is None:
                return None
            self._loaded[object_id] = decode(row["json"])
            self._saved[object_id] = row["json"]
            self._clocks[object_id] = row["clock"]
            if row["clock"] is not None:
                self.use_clock(row["clock"])
        found = self._loaded[object_id]
        return None if found.get("deleted") and not deleted else found

    def find_last_version(self, object_id: str) -> Obj | None:
        """The object with this id, or None; a deleted one as it was before."""
        found = self.find(object_id, deleted=True)
        if found is not None and found.get("deleted"):
            was: Obj = found["_"]["was"]
            return was
        return found

    def find_subscription_of_item(self, item_id: str) -> Obj | None:
        """The subscription with this item, or None."""
        whole = self.store.value("SELECT whole FROM parts WHERE id = ?", item_id)
        found = None if whole is None else self.find(whole)
        return found if found is not None and any(item["id"] == item_id for item in found["items"]["data"]) else None

    def use_clock(self, clock_id: str | None) -> None:
        """Sets `now` to the time of this test clock, or (None) of the sandbox's clock."""
        if clock_id == self.clock:
            return
        clock = None if clock_id is None else read_clock(self.store, clock_id)
        self.clock = None if clock is None else clock_id
        self.now = self.sandbox_now if clock is None else clock["frozen_time"]

    def clock_of(self, obj: Obj) -> str | None:
        """The id of the test clock that this object follows, or None."""
        return self._clocks[obj["id"]]

    def move_to_clock(self, clock_id: str, ids: list[str]) -> None:
        """Moves these objects, and their due work, to this test clock."""
        chosen = encode(ids)
        self.store.run("UPDATE objects SET clock = ? WHERE id IN (SELECT value FROM json_each(?))", clock_id, chosen)
        self.store.run("UPDATE due SET clock = ? WHERE object_id IN (SELECT value FROM json_each(?))", clock_id, chosen)
        self._clocks.update(dict.fromkeys(ids, clock_id))
        self.use_clock(clock_id)

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Obj:
        """The object with an id from the path; 404 if there is none of this kind."""
        found = self.find(object_id)
        if found is None or found["object"] != kind:
            raise not_found(kind, object_id, param=param)
        return found

    def named(self, kind: str, object_id: str, param: str) -> Obj:
        """The object with an id from a parameter; 400 if there is none of this kind."""
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
        """Stores a changed object and emits these events.

        An event that ends in `.updated` carries what changed, and is not emitted without a change.
        """
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
        """Deletes an object; its events show it as it was. Returns Stripe's stub."""
        for event in events:
            self.emit(event, obj)
        self._check_not_advancing(self.clock_of(obj))
        stub = {"id": obj["id"], "object": obj["object"], "deleted": True, "_": {"was": obj}}
        self.store.run("UPDATE objects SET deleted = 1, json = ? WHERE id = ?", encode(stub), obj["id"])
        self._loaded[obj["id"]] = stub
        self._saved[obj["id"]] = encode(stub)
        return stub

    def free_id(self, object_id: str) -> None:
        """Makes the id of a deleted object free for a new one."""
        self.store.run("DELETE FROM objects WHERE id = ? AND deleted", object_id)
        self._loaded.pop(object_id, None)

    def emit(self, event_type: str, obj: Obj, *, previous: Obj | None = None) -> None:
        """Emits an event. Its snapshot is the object as it is now."""
        if not self._silent:
            self.host.emit(self, event_type, public(obj), previous)

    def schedule(self, kind: str, object_id: str, at: int) -> None:
        """Schedules work for an object, on the clock that it follows.

        A second call for the same kind and object moves it.
        """
        sql = "INSERT OR REPLACE INTO due (kind, object_id, at, rank, clock) VALUES (?, ?, ?, ?, ?)"
        self.store.run(sql, kind, object_id, at, RANKS.index(kind), self._clocks[object_id])
        if kind in AT_ONCE:
            self.due_at_once.append((kind, object_id))

    def unschedule(self, object_id: str, *kinds: str) -> None:
        """Cancels due work of this object: of these kinds, or all."""
        chosen = kinds or RANKS
        places = ", ".join("?" * len(chosen))
        self.store.run(f"DELETE FROM due WHERE kind IN ({places}) AND object_id = ?", *chosen, object_id)  # noqa: S608

    def due_at(self, kind: str, object_id: str) -> float:
        """When this work is due for this object, in epoch seconds; infinity if it is not scheduled."""
        at: int | None = self.store.value("SELECT at FROM due WHERE kind = ? AND object_id = ?", kind, object_id)
        return math.inf if at is None else at

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Rolls back what is done inside, the time included; emits no events.

        Read objects again inside: those that were read before do not change.
        """
        now, clock, loaded, saved, written = self.now, self.clock, self._loaded, self._saved, dict(self.written)
        self._loaded, self._saved, self._silent = copy.deepcopy(loaded), dict(saved), True
        with self.store.rehearsal():
            try:
                yield
            finally:
                self.now, self.clock, self._loaded, self._saved, self._silent = now, clock, loaded, saved, False
                self.written = written

    def check_saved(self) -> None:
        """Raises RuntimeError for a changed object that was not saved.

        Called before the commit when traffic is validated. Such a change is a bug of the sandbox.
        """
        unsaved = [key for key, obj in self._loaded.items() if decode(self._saved[key]) != obj]
        if unsaved:
            raise RuntimeError(f"changed but not saved: {unsaved}")

    def _write(self, obj: Obj) -> None:
        if self.clock is not None and obj.get("customer") and obj["object"] not in SANDBOX_TIME_KINDS:
            # Such as a card that is now attached to a customer.
            self._clocks[obj["id"]] = self.clock
        clock = self.clock_of(obj)
        self._check_not_advancing(clock)
        text = encode(obj)
        self.store.run("UPDATE objects SET json = ?, clock = ? WHERE id = ?", text, clock, obj["id"])
        self._saved[obj["id"]] = text
        self.written[obj["id"]] = obj
        self._save_parts(obj)

    def _save_parts(self, obj: Obj) -> None:
        if obj["object"] == "subscription":
            parts = [(item["id"], obj["id"]) for item in obj["items"]["data"]]
            self.store.run_many("INSERT OR IGNORE INTO parts (id, whole) VALUES (?, ?)", parts)

    def _check_not_advancing(self, clock_id: str | None) -> None:
        """Raises a 429 if a request changes an object whose test clock is advancing."""
        if clock_id is None or self.cause.request_id is None or self._silent:
            return
        clock = read_clock(self.store, clock_id)
        if clock is not None and clock["status"] == "advancing":
            raise clock_advancing_error()


def previous_attributes(changed: Obj, obj: Obj) -> Obj:
    """The old values of what changed, as Stripe shows them.

    For a nested object, only the keys that differ.
    """
    previous: Obj = {}
    for key, old in changed.items():
        new_value = obj.get(key)
        if isinstance(old, dict) and isinstance(new_value, dict) and "object" not in old:
            keys = old.keys() | new_value.keys()
            previous[key] = {inner: old.get(inner) for inner in keys if old.get(inner) != new_value.get(inner)}
        else:
            previous[key] = old
    return previous
