"""Test clocks, as the API makes and advances them."""

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

_MOST_CLOCKS = 100


def create(tx: Tx, p: Params) -> Obj:
    """A clock that stands at `frozen_time`, past or future; for a customer who is there already, where one is named."""
    if len(tx.select(KIND)) >= _MOST_CLOCKS:
        raise invalid(f"You have {_MOST_CLOCKS} test clocks, which is the limit: delete one first.")
    customer = _free(tx, p.get("customer")) if p.text("customer") else None
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


def _free(tx: Tx, customer_id: str) -> Obj:
    customer = tx.named("customer", customer_id, "customer")
    if tx.clock_of(customer) is not None:
        message = f"The customer `{customer_id}` lives by a test clock already, and cannot be taken off it."
        raise invalid(message, param="customer")
    return customer


def retrieve(tx: Tx, _: Params, clock_id: str) -> Obj:
    """One test clock."""
    return tx.get(KIND, clock_id)


def advance(tx: Tx, p: Params, clock_id: str) -> Obj:
    """Start it; the clock is `ready` again when all that was due has happened."""
    clock = _standing(tx, clock_id)
    test_clocks.start_advancing(tx, clock, p.need("frozen_time"))
    return clock


def delete(tx: Tx, _: Params, clock_id: str) -> Obj:
    """The clock and its customers."""
    return test_clocks.delete_clock(tx, _standing(tx, clock_id))


def list_all(tx: Tx, p: Params) -> Obj:
    """Test clocks, newest first."""
    return page(tx, p, KIND, "/v1/test_helpers/test_clocks")


def put_on_clock(tx: Tx, clock_id: str) -> None:
    """The customer that is made next lives by this clock; 400 where there is none, or it is full."""
    clock = tx.named(KIND, clock_id, "test_clock")
    if clock["status"] == "advancing":
        raise clock_advancing_error()
    if len(customers_of(tx, clock_id)) >= MAX_CUSTOMERS:
        raise invalid(f"A test clock can have at most {MAX_CUSTOMERS} customers.", param="test_clock")
    tx.use_clock(clock_id)


def _standing(tx: Tx, clock_id: str) -> Obj:
    clock = tx.get(KIND, clock_id)
    if clock["status"] == "advancing":
        raise clock_advancing_error()
    return clock
