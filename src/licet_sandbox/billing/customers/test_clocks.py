"""Test clocks: customers with a frozen time of their own, which passes only as it is advanced.

Source: Stripe, "Test clocks: API and advanced usage".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.customers.customers import delete_customer
from licet_sandbox.billing.next_due import ended
from licet_sandbox.billing.periods import period_end
from licet_sandbox.billing.schedule_status import OPEN
from licet_sandbox.errors import invalid
from licet_sandbox.state.clocks import SANDBOX_TIME_KINDS

if TYPE_CHECKING:
    import sqlite3

    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.store import Store
    from licet_sandbox.state.tx import Tx

KIND = "test_helpers.test_clock"
CLOCK_LIFETIME_SECONDS = 30 * 24 * 3600
MAX_CUSTOMERS = 3
_MAX_SUBSCRIPTIONS = 3
_MAX_INTERVALS = 2
_TWO_YEARS = {"interval": "year", "interval_count": 2}

# Work on a ready clock is due by its frozen time; on an advancing clock, by its target.
_NEXT = """
    SELECT due.* FROM due JOIN objects AS clock ON clock.id = due.clock
    WHERE due.clock IS NOT NULL AND due.at <= coalesce(
        clock.json ->> '$.status_details.advancing.target_frozen_time', clock.json ->> '$.frozen_time')
    ORDER BY clock.seq, due.at, due.rank, due.rowid LIMIT 1
"""
_ADVANCING = """
    SELECT id FROM objects WHERE kind = ? AND NOT deleted AND json ->> '$.status' = 'advancing' ORDER BY seq LIMIT 1
"""
# A customer, the objects that name it, and the objects that name those.
_OWNED = """
    WITH own AS MATERIALIZED (
        SELECT id, kind, created FROM objects WHERE ?1 IN (id, json ->> '$.customer')
        AND kind NOT IN (SELECT value FROM json_each(?2)))
    SELECT id, created FROM own UNION
    SELECT id, created FROM objects WHERE kind IN ('invoice_payment', 'refund', 'dispute')
        AND (json ->> '$.invoice' IN (SELECT id FROM own) OR json ->> '$.charge' IN (SELECT id FROM own))
"""


def next_due(store: Store) -> sqlite3.Row | None:
    """The next due work on any test clock, or None."""
    return store.row(_NEXT)


def advancing_clock(store: Store) -> str | None:
    """The id of a clock that is advancing, or None. It is finished when nothing is due on any clock."""
    found: str | None = store.value(_ADVANCING, KIND)
    return found


def customers_of(tx: Tx, clock_id: str) -> list[Obj]:
    """The customers on this clock."""
    return tx.select("customer", "clock = ?", clock_id)


def attach_customer(tx: Tx, clock: Obj, customer: Obj) -> None:
    """Moves an existing customer, with all objects of the customer, to this clock."""
    owned = tx.store.rows(_OWNED, customer["id"], json.dumps(sorted(SANDBOX_TIME_KINDS)))
    latest = max(row["created"] for row in owned)
    if clock["frozen_time"] < latest:
        message = f"`frozen_time` must not be before the customer's newest object: {latest} at the earliest."
        raise invalid(message, param="frozen_time")
    tx.move_to_clock(clock["id"], [row["id"] for row in owned])
    for row in owned:
        obj = tx.find(row["id"])
        if obj is not None and "test_clock" in obj:
            obj["test_clock"] = clock["id"]
            tx.save(obj, *(["customer.updated"] if obj["object"] == "customer" else []))
    tx.host.wake()


def start_advancing(tx: Tx, clock: Obj, target: int) -> None:
    """Advances the clock in the background.

    400 for a time that is not later than the frozen time, or is too far away.
    """
    if target <= clock["frozen_time"]:
        message = f"`frozen_time` must be after the test clock's current frozen time, {clock['frozen_time']}."
        raise invalid(message, param="frozen_time")
    shortest = _shortest_interval(tx, clock)
    furthest = clock["frozen_time"]
    for _ in range(_MAX_INTERVALS if shortest else 1):
        furthest = period_end(clock["frozen_time"], furthest, shortest or _TWO_YEARS)
    if target > furthest:
        reach = "two intervals of its shortest subscription" if shortest else "two years"
        message = f"A test clock cannot be advanced by more than {reach} at a time: to {furthest} at most."
        raise invalid(message, param="frozen_time")
    clock["status"] = "advancing"
    clock["status_details"] = {"advancing": {"target_frozen_time": target}}
    tx.save(clock, "test_helpers.test_clock.advancing")
    tx.host.wake()


def _shortest_interval(tx: Tx, clock: Obj) -> Obj | None:
    """The shortest billing interval on this clock: a price's `recurring`, or None."""
    live = [found for found in tx.select("subscription", "clock = ?", clock["id"]) if not ended(found)]
    prices = [item["price"] for subscription in live for item in subscription["items"]["data"]]
    for schedule in tx.select("subscription_schedule", "clock = ?", clock["id"]):
        if schedule["status"] in OPEN:
            prices += [tx.get("price", item["price"]) for phase in schedule["phases"] for item in phase["items"]]
    start = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())
    return min((price["recurring"] for price in prices), key=lambda one: period_end(start, start, one), default=None)


def finish_advancing(tx: Tx, clock_id: str) -> None:
    """Sets the clock to its target, once all due work is done."""
    clock = tx.get(KIND, clock_id)
    clock["frozen_time"] = clock["status_details"]["advancing"]["target_frozen_time"]
    clock["status"] = "ready"
    clock["status_details"] = {}
    tx.save(clock, "test_helpers.test_clock.ready")


def delete_clock(tx: Tx, clock: Obj) -> Obj:
    """Deletes the clock and its customers; their subscriptions end."""
    for customer in customers_of(tx, clock["id"]):
        delete_customer(tx, customer)
    tx.use_clock(None)
    tx.store.run("DELETE FROM due WHERE clock = ?", clock["id"])
    tx.unschedule(clock["id"])
    return tx.delete(clock, "test_helpers.test_clock.deleted")


def expire_clock(tx: Tx, clock_id: str) -> None:
    """Deletes a clock after 30 days, as Stripe does."""
    delete_clock(tx, tx.get(KIND, clock_id))


def check_subscription_limit(tx: Tx, customer: Obj) -> None:
    """Raises a 400 if a customer on a test clock already has the maximum number of subscriptions."""
    if tx.clock_of(customer) is None:
        return
    own = tx.select("subscription", "json ->> '$.customer' = ?", customer["id"])
    if sum(subscription["status"] != "canceled" for subscription in own) >= _MAX_SUBSCRIPTIONS:
        message = (
            f"A customer on a test clock can have at most {_MAX_SUBSCRIPTIONS} subscriptions that are not canceled."
        )
        raise invalid(message, param="customer")
