"""Events of disputes, and the licenses of the disputed payment. Source: contract, section 4."""

from typing import Any
from uuid import UUID

import pytest
from tests.factories.accounts import make_account
from tests.factories.catalog import POLICY, make_product
from tests.factories.orders import Order, make_order
from tests.support.face import Face
from tests.support.stripe_events import event, example, outcome_of, send_event, webhook_context

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import from_epoch
from licet.stripe_events.receive import replay_event


@pytest.fixture
def context(pool: Pool) -> Context:
    """Tools that believe what the test signs."""
    return webhook_context(pool)


def dispute(status: str, **changed: Any) -> dict[str, Any]:
    given = {"id": "du_1", "status": status, "charge": "ch_1", "payment_intent": "pi_1", "amount": 14900}
    return example("dispute", **(given | changed))


async def buy(face: Face, *, payment_intent: str = "pi_1", policy: dict[str, Any] | None = None) -> Order:
    """Something bought once and paid; its license comes with the first event that touches it."""
    account = await make_account(face.context)
    product = await make_product(face.context, interval=None, policy=policy or POLICY)
    order = await make_order(face.context, account, [product])
    await face.context.pool.execute(
        "UPDATE checkout_sessions SET stripe_payment_intent_id = $2 WHERE stripe_session_id = $1",
        order.stripe_session_id,
        payment_intent,
    )
    return order


async def license_of(face: Face, order: Order) -> dict[str, Any]:
    (found,) = (await face.get(f"/api/orders/{order.id}")).json()["licenses"]
    return dict(found)


async def timeline(face: Face, license_id: str) -> list[tuple[str, str, str]]:
    """(to, the cause's detail, reason) of each change, oldest first."""
    lines = (await face.get(f"/api/licenses/{license_id}/timeline")).json()["data"]
    return [(line["to"], line["because"]["detail"], line["because"]["reason"]) for line in lines[::-1]]


async def test_a_dispute_from_beginning_to_end(face: Face) -> None:
    order = await buy(face)
    told = event("charge.dispute.created", dispute("needs_response"))
    await send_event(face.client, told)
    license = await license_of(face, order)
    assert license["status"] == "suspended"
    row = await face.context.pool.fetchrow("SELECT * FROM disputes")
    assert row is not None
    assert dict(row) == {
        "stripe_dispute_id": "du_1",
        "stripe_charge_id": "ch_1",
        "stripe_payment_intent_id": "pi_1",
        "amount": 14900,
        "currency": "usd",
        "status": "needs_response",
        "created_at": from_epoch(1234567890),
    }
    await send_event(face.client, event("charge.dispute.updated", dispute("under_review"), after=60))
    await send_event(face.client, event("charge.dispute.closed", dispute("won"), after=120))
    again = await license_of(face, order)
    assert (again["status"], again["key"]) == ("active", license["key"])
    assert await timeline(face, license["id"]) == [
        ("suspended", "charge.dispute.created", "dispute_open"),
        ("active", "charge.dispute.closed", "paid"),
    ]
    first = (await face.get(f"/api/licenses/{license['id']}/timeline")).json()["data"][-1]
    assert first["because"]["id"] == told["id"]


@pytest.mark.parametrize(
    ("status", "license"),
    [
        ("needs_response", "suspended"),
        ("under_review", "suspended"),
        ("appeal_needs_response", "suspended"),
        ("appeal_under_review", "suspended"),
        ("won", "active"),
        ("lost", "revoked"),
        ("warning_needs_response", "active"),
        ("warning_under_review", "active"),
        ("warning_closed", "active"),
        ("prevented", "active"),
        ("a_status_to_come", "active"),
    ],
)
async def test_what_each_status_does(face: Face, status: str, license: str) -> None:
    order = await buy(face)
    told = event("charge.dispute.updated", dispute(status))
    await send_event(face.client, told)
    assert (await license_of(face, order))["status"] == license
    assert await outcome_of(face.context, told) == ("applied", None)


async def test_a_loss_may_be_appealed_and_won(face: Face) -> None:
    order = await buy(face)
    found = []
    for after, status in enumerate(("needs_response", "lost", "appeal_needs_response", "appeal_under_review", "won")):
        await send_event(face.client, event("charge.dispute.updated", dispute(status), after=after * 1000))
        found.append((await license_of(face, order))["status"])
    assert found == ["suspended", "revoked", "suspended", "suspended", "active"]


async def test_an_older_event_changes_nothing(face: Face) -> None:
    order = await buy(face)
    await send_event(face.client, event("charge.dispute.closed", dispute("lost"), after=100))
    older = event("charge.dispute.updated", dispute("under_review"), after=50)
    await send_event(face.client, older)
    assert await outcome_of(face.context, older) == ("stale", "a newer state is stored")
    assert (await license_of(face, order))["status"] == "revoked"


async def test_within_one_second_created_is_the_oldest_and_the_rest_is_asked(face: Face) -> None:
    order = await buy(face)
    closed = event("charge.dispute.closed", dispute("won"), previous={"status": "under_review"})
    await send_event(face.client, closed)
    created = event("charge.dispute.created", dispute("needs_response"))
    await send_event(face.client, created)
    assert await outcome_of(face.context, created) == ("stale", "a newer state is stored")
    assert await face.context.pool.fetchval("SELECT count(*) FROM refreshes") == 0
    updated = event("charge.dispute.updated", dispute("under_review"), previous={"status": "needs_response"})
    await send_event(face.client, updated)
    assert (await license_of(face, order))["status"] == "active"
    (asked,) = await face.context.pool.fetch("SELECT kind, stripe_id FROM refreshes")
    assert tuple(asked) == ("dispute", "du_1")


async def test_one_of_two_disputes_is_enough(face: Face) -> None:
    order = await buy(face)
    await send_event(face.client, event("charge.dispute.closed", dispute("won")))
    await send_event(face.client, event("charge.dispute.created", dispute("needs_response", id="du_2"), after=1))
    assert (await license_of(face, order))["status"] == "suspended"
    await send_event(face.client, event("charge.dispute.closed", dispute("lost", id="du_2"), after=2))
    assert (await license_of(face, order))["status"] == "revoked"


async def test_what_the_product_says_of_disputes_holds(face: Face) -> None:
    order = await buy(face, policy={**POLICY, "disputeOpen": "nothing", "disputeLost": "suspend"})
    await send_event(face.client, event("charge.dispute.created", dispute("needs_response")))
    assert (await license_of(face, order))["status"] == "active"
    await send_event(face.client, event("charge.dispute.closed", dispute("lost"), after=1))
    assert (await license_of(face, order))["status"] == "suspended"


async def test_a_payment_that_nobody_knows_yet_is_kept_and_asked_about(face: Face) -> None:
    pool = face.context.pool
    told = event("charge.dispute.created", dispute("needs_response"))
    await send_event(face.client, told)
    assert await outcome_of(face.context, told) == ("applied", None)
    (asked,) = await pool.fetch("SELECT kind, stripe_id FROM refreshes")
    assert tuple(asked) == ("payment_intent.links", "pi_1")
    # Its purchase is heard of later, and a replay settles it as an event of the purchase would.
    order = await buy(face)
    await replay_event(face.context, told["id"])
    assert (await license_of(face, order))["status"] == "suspended"


async def test_a_charge_without_a_payment_intent_is_asked_about_by_its_charge(face: Face) -> None:
    await send_event(face.client, event("charge.dispute.created", dispute("needs_response", payment_intent=None)))
    (asked,) = await face.context.pool.fetch("SELECT kind, stripe_id FROM refreshes")
    assert tuple(asked) == ("charge.links", "ch_1")


async def test_a_repeat_and_a_replay_write_nothing_twice(face: Face) -> None:
    order = await buy(face)
    told = event("charge.dispute.created", dispute("needs_response"))
    for _ in range(3):
        await send_event(face.client, told)
    await replay_event(face.context, told["id"])
    license = await license_of(face, order)
    assert await timeline(face, license["id"]) == [("suspended", "charge.dispute.created", "dispute_open")]
    assert await face.context.pool.fetchval("SELECT count(*) FROM disputes") == 1


async def test_a_dispute_touches_its_own_purchase_alone(face: Face) -> None:
    mine, other = await buy(face), await buy(face, payment_intent="pi_2")
    await send_event(face.client, event("charge.dispute.closed", dispute("won", id="du_2", payment_intent="pi_2")))
    await send_event(face.client, event("charge.dispute.created", dispute("needs_response")))
    assert (await license_of(face, mine))["status"] == "suspended"
    assert (await license_of(face, other))["status"] == "active"
    accounts: list[UUID] = [mine.account_id, other.account_id]
    rows = await face.context.pool.fetch(
        "SELECT account_id, status FROM licenses ORDER BY array_position($1, account_id)", accounts
    )
    assert [tuple(row) for row in rows] == [(mine.account_id, "suspended"), (other.account_id, "active")]


async def test_the_order_of_a_disputed_payment_says_what_was_paid(face: Face) -> None:
    """A dispute is no refund: its licenses and their timelines tell of it."""
    order = await buy(face)
    await send_event(face.client, event("charge.dispute.closed", dispute("lost")))
    shown = (await face.get(f"/api/orders/{order.id}")).json()
    assert (shown["status"], shown["amountRefunded"]) == ("paid", 0)
    assert [license["status"] for license in shown["licenses"]] == ["revoked"]
