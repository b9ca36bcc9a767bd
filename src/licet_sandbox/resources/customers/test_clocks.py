"""Test clocks: create, advance, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.customers import test_clocks
from licet_sandbox.billing.customers.test_clocks import CLOCK_LIFETIME_SECONDS, KIND, MAX_CUSTOMERS, customers_of
from licet_sandbox.errors import invalid
from licet_sandbox.kit.lists import page
from licet_sandbox.state.clocks import clock_advancing_error

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_MAX_CLOCKS = 100


def create(tx: Tx, p: Params) -> Obj:
    """Create a clock frozen at `frozen_time`, past or future, and attach the given customer to it."""
    if len(tx.select(KIND)) >= _MAX_CLOCKS:
        raise invalid(f"You have {_MAX_CLOCKS} test clocks, which is the limit: delete one first.")
    customer = _customer_without_clock(tx, p.get("customer")) if p.text("customer") else None
    clock = tx.create(
        KIND,
        "test_helpers.test_clock.created",
        frozen_time=p.need("frozen_time"),
        name=p.text("name"),
        deletes_after=tx.now + CLOCK_LIFETIME_SECONDS,
        status="ready",
    )
    tx.schedule("test_clock.expire", clock["id"], clock["deletes_after"])
    if customer is not None:
        test_clocks.attach_customer(tx, clock, customer)
    return clock


def _customer_without_clock(tx: Tx, customer_id: str) -> Obj:
    customer = tx.named("customer", customer_id, "customer")
    if tx.clock_of(customer) is not None:
        message = f"The customer `{customer_id}` is already on a test clock, and cannot be moved to another one."
        raise invalid(message, param="customer")
    return customer


def retrieve(tx: Tx, _: Params, clock_id: str) -> Obj:
    """Retrieve a test clock."""
    return tx.get(KIND, clock_id)


def advance(tx: Tx, p: Params, clock_id: str) -> Obj:
    """Start advancing a clock; it is `ready` again when everything due has happened."""
    clock = _get_ready_clock(tx, clock_id)
    test_clocks.start_advancing(tx, clock, p.need("frozen_time"))
    return clock


def delete(tx: Tx, _: Params, clock_id: str) -> Obj:
    """Delete a clock and its customers."""
    return test_clocks.delete_clock(tx, _get_ready_clock(tx, clock_id))


def list_all(tx: Tx, p: Params) -> Obj:
    """List test clocks, newest first."""
    return page(tx, p, KIND, "/v1/test_helpers/test_clocks")


def put_on_clock(tx: Tx, clock_id: str) -> None:
    """Put the customer that is created next on this clock; 400 if the clock is missing or full."""
    clock = tx.named(KIND, clock_id, "test_clock")
    if clock["status"] == "advancing":
        raise clock_advancing_error()
    if len(customers_of(tx, clock_id)) >= MAX_CUSTOMERS:
        raise invalid(f"A test clock can have at most {MAX_CUSTOMERS} customers.", param="test_clock")
    tx.use_clock(clock_id)


def _get_ready_clock(tx: Tx, clock_id: str) -> Obj:
    clock = tx.get(KIND, clock_id)
    if clock["status"] == "advancing":
        raise clock_advancing_error()
    return clock
