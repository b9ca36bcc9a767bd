"""An operator's replay repairs what an event left undone; it never brings an older state back."""

from typing import Any

import pytest
from tests.support.face import Face
from tests.support.stripe_events import event, example, outcome_of, send_event, webhook_context

from licet.db.pool import Pool
from licet.http.context import Context
from licet.stripe_events.receive import replay_event


@pytest.fixture
def context(pool: Pool) -> Context:
    return webhook_context(pool)


def card(expiry_month: int) -> dict[str, Any]:
    details = {"brand": "visa", "last4": "4242", "exp_month": expiry_month, "exp_year": 2034}
    return example("payment_method", id="pm_1", customer="cus_1", card=details)


def renewed(to: int, before: int) -> dict[str, Any]:
    return event("payment_method.updated", card(to), previous={"card": {"exp_month": before}})


async def expiry_month(face: Face) -> int:
    found: int = await face.context.pool.fetchval("SELECT exp_month FROM payment_methods")
    return found


async def test_a_replay_never_replaces_what_may_have_followed(face: Face) -> None:
    """Values recur: 2, 1, 3, 2, 3 within one second. By its previous attributes, 3 to 2 seems to follow the last state.

    The last state was read from Stripe, which is away when the operator replays.
    """
    changes = [renewed(1, 2), renewed(3, 1), renewed(2, 3), renewed(3, 2)]
    for one in (event("payment_method.attached", card(2)), *changes):
        await send_event(face.client, one)
    await face.context.pool.execute(
        "UPDATE mirrors SET object = $1, was_read = true, previous = NULL WHERE stripe_id = 'pm_1'", card(3)
    )
    await face.context.pool.execute("UPDATE payment_methods SET exp_month = 3")
    await face.context.pool.execute("DELETE FROM refreshes")
    for one in changes:
        await replay_event(face.context, one["id"])
        assert await expiry_month(face) == 3
    assert await face.context.pool.fetchval("SELECT count(*) FROM refreshes WHERE stripe_id = 'pm_1'") == 1


async def test_a_replay_of_a_failed_event_may_choose(face: Face) -> None:
    await send_event(face.client, event("payment_method.attached", card(2)))
    late = renewed(3, 2)
    await send_event(face.client, late)
    await face.context.pool.execute("UPDATE events SET outcome = 'failed' WHERE stripe_event_id = $1", late["id"])
    await face.context.pool.execute("UPDATE mirrors SET object = $1 WHERE stripe_id = 'pm_1'", card(2))
    await face.context.pool.execute("UPDATE payment_methods SET exp_month = 2")
    assert await replay_event(face.context, late["id"]) == "applied"
    assert await expiry_month(face) == 3


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"account": "acct_of_another"}, "an event of a connected account"),
        ({"data": {"object": {"object": "payment_method"}}}, "its object has no id"),
        ({"type": "topup.created"}, "Licet does not handle topup.created"),
    ],
)
async def test_a_replay_of_an_ignored_event_ignores_it(face: Face, more: dict[str, Any], reason: str) -> None:
    ignored = event("payment_method.attached", card(2)) | more
    await send_event(face.client, ignored)
    assert await replay_event(face.context, ignored["id"]) == "ignored"
    assert await outcome_of(face.context, ignored) == ("ignored", reason)
    assert await face.context.pool.fetchval("SELECT count(*) FROM payment_methods") == 0
