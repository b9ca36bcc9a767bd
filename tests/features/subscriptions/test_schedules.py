"""Changes that wait for a subscription: what a schedule has planned, and when."""

from itertools import permutations
from typing import Any

import pytest
from tests.factories.accounts import make_account
from tests.support.face import Face
from tests.support.stripe_events import AT, event, example, outcome_of, send_event, webhook_context

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import from_epoch

MONTH = 2_592_000


@pytest.fixture
def context(pool: Pool) -> Context:
    """Tools that believe what the test signs."""
    return webhook_context(pool)


def phase(number: int, *items: dict[str, Any]) -> dict[str, Any]:
    """The n-th of phases of a month each."""
    (made,) = example("subscription_schedule")["phases"]
    ends = {"start_date": AT + number * MONTH, "end_date": AT + (number + 1) * MONTH}
    return {**made, **ends, "items": [{**made["items"][0], **item} for item in items]}


def schedule(*phases: dict[str, Any], **changed: Any) -> dict[str, Any]:
    given = {"id": "sub_sched_1", "customer": "cus_1", "subscription": "sub_1", "status": "active"}
    planned = list(phases) or [phase(0, {"price": "price_1"})]
    return example("subscription_schedule", **(given | {"phases": planned} | changed))


async def told_of(face: Face) -> dict[str, Any]:
    row = await face.context.pool.fetchrow("SELECT * FROM subscription_schedules")
    assert row is not None
    return dict(row)


async def items(face: Face) -> list[tuple[Any, ...]]:
    rows = await face.context.pool.fetch(
        """
        SELECT phase, position, starts_at, ends_at, stripe_price_id, quantity
        FROM subscription_schedule_items ORDER BY phase, position
        """
    )
    return [tuple(row) for row in rows]


async def test_a_downgrade_that_waits_for_the_period_s_end(face: Face) -> None:
    before = phase(0, {"price": "price_big", "quantity": 2}, {"price": {"id": "price_side", "object": "price"}})
    then = phase(1, {"price": "price_small", "quantity": 1})
    await send_event(face.client, event("subscription_schedule.created", schedule(before)))
    await send_event(face.client, event("subscription_schedule.updated", schedule(before, then), after=1))
    found = await told_of(face)
    assert found.pop("account_id")
    assert found == {
        "stripe_schedule_id": "sub_sched_1",
        "stripe_customer_id": "cus_1",
        "stripe_subscription_id": "sub_1",
        "status": "active",
        "end_behavior": "release",
        "created_at": from_epoch(1234567890),
    }
    first, second, third = from_epoch(AT), from_epoch(AT + MONTH), from_epoch(AT + 2 * MONTH)
    assert await items(face) == [
        (0, 0, first, second, "price_big", 2),
        (0, 1, first, second, "price_side", 1),
        (1, 0, second, third, "price_small", 1),
    ]


@pytest.mark.parametrize(
    ("type_", "status"), [("released", "released"), ("canceled", "canceled"), ("aborted", "canceled")]
)
async def test_it_lets_go_and_its_subscription_stays_known(face: Face, type_: str, status: str) -> None:
    await send_event(face.client, event("subscription_schedule.created", schedule()))
    gone = schedule(status=status, subscription=None, released_subscription="sub_1" if status == "released" else None)
    await send_event(face.client, event(f"subscription_schedule.{type_}", gone, after=1))
    found = await told_of(face)
    assert (found["status"], found["stripe_subscription_id"]) == (status, "sub_1")


async def test_what_has_ended_stays_so_in_all_orders_of_one_second(face: Face) -> None:
    plan = phase(0, {"price": "price_1"}), phase(1, {"price": "price_2"})
    told = [
        event("subscription_schedule.created", schedule(plan[0])),
        event("subscription_schedule.updated", schedule(*plan), previous={"phases": [plan[0]]}),
        event(
            "subscription_schedule.released",
            schedule(*plan, status="released", subscription=None, released_subscription="sub_1"),
            previous={"status": "active"},
        ),
    ]
    for order in permutations(told):
        for table in ("events", "mirrors", "subscription_schedule_items", "subscription_schedules", "refreshes"):
            await face.context.pool.execute(f"DELETE FROM {table}")
        for one in order:
            await send_event(face.client, one)
        assert (await told_of(face))["status"] == "released"
        assert len(await items(face)) == 2


async def test_an_older_plan_changes_nothing(face: Face) -> None:
    newer = schedule(phase(0, {"price": "price_1"}), phase(1, {"price": "price_2"}))
    await send_event(face.client, event("subscription_schedule.updated", newer, after=5))
    older = event("subscription_schedule.created", schedule())
    await send_event(face.client, older)
    assert await outcome_of(face.context, older) == ("stale", "a newer state is stored")
    assert len(await items(face)) == 2


async def test_two_plans_of_one_second_are_asked_about(face: Face) -> None:
    for price in ("price_1", "price_2"):
        plan = schedule(phase(0, {"price": price}))
        await send_event(face.client, event("subscription_schedule.updated", plan))
    rows = await face.context.pool.fetch("SELECT kind, stripe_id FROM refreshes ORDER BY kind")
    assert [tuple(row) for row in rows] == [("customer", "cus_1"), ("subscription_schedule", "sub_sched_1")]


async def test_an_unknown_customer_s_schedule_goes_where_the_customer_goes(face: Face) -> None:
    await send_event(face.client, event("subscription_schedule.created", schedule()))
    account = await make_account(face.context)
    assert (await told_of(face))["account_id"] != account
    customer = example("customer", id="cus_1", metadata={"account_id": str(account)})
    await send_event(face.client, event("customer.created", customer))
    assert (await told_of(face))["account_id"] == account
