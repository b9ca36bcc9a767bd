"""No event of a refund, a dispute, a card or a schedule is settled by looking through a whole table."""

from typing import Any

import pytest
from tests.support.face import Face
from tests.support.stripe_events import event, example, send_event, webhook_context

from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.http.context import Context

LOOKS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@pytest.fixture
def context(pool: Pool) -> Context:
    """Tools that believe what the test signs."""
    return webhook_context(pool)


def told() -> dict[str, list[dict[str, Any]]]:
    dispute = example("dispute", id="du_1", charge="ch_1", payment_intent="pi_1", status="lost")
    refund = example("refund", id="re_1", charge="ch_1", payment_intent="pi_1", status="succeeded")
    subscription = example("subscription", id="sub_1", customer="cus_1")
    old_invoice = example(
        "invoice", id="in_1", customer="cus_1", subscription="sub_1", status="paid", payment_intent="pi_1", parent=None
    )
    card = example("payment_method", id="pm_1", customer="cus_1")
    return {
        "a refund on a subscription": [
            event("customer.subscription.created", subscription),
            event("invoice.paid", old_invoice, api_version="2024-12-18.acacia"),
            event("refund.created", refund),
        ],
        "a dispute on a subscription": [
            event("customer.subscription.created", subscription),
            event("invoice.paid", old_invoice, api_version="2024-12-18.acacia"),
            event("charge.dispute.closed", dispute),
        ],
        "a card": [
            event("payment_method.attached", card),
            event("payment_method.detached", {**card, "customer": None}, after=1),
            event("customer.deleted", example("customer", id="cus_1"), after=2),
        ],
        "a schedule": [
            event("subscription_schedule.created", example("subscription_schedule", customer="cus_1")),
        ],
    }


async def assert_along_indexes(conn: Connection, query: str, arguments: Any) -> None:
    # What the driver asks for itself: types, and several statements at once that reset a connection.
    if query.split(maxsplit=1)[0] not in LOOKS or "pg_catalog" in query or ";" in query:
        return
    # Of many rows at once, the first.
    given = arguments[0] if isinstance(arguments, list) and arguments else arguments or ()
    plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {query}", *given))
    assert "Seq Scan on" not in plan, f"{query}\n{plan}"
    lines = plan.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        # An index read from end to end is no better.
        assert "Scan using" not in line or "Index Cond" in below, f"{query}\n{plan}"


@pytest.mark.parametrize("story", told())
async def test_along_indexes(face: Face, story: str) -> None:
    asked: dict[str, Any] = {}
    for holder in face.context.pool._holders:  # type: ignore[attr-defined]  # not in the stubs
        if holder._con is not None:
            holder._con.add_query_logger(lambda record: asked.setdefault(record.query, record.args))
    for one in told()[story]:
        await send_event(face.client, one)
    assert len(asked) > 10
    async with face.context.pool.acquire() as conn, conn.transaction():
        # On tables of a few rows the planner would look through all; what it cannot do otherwise it does all the same.
        await conn.execute("SET LOCAL enable_seqscan = off")
        for query, arguments in list(asked.items()):
            await assert_along_indexes(conn, query, arguments)
