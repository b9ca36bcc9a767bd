"""Operators see what Stripe sent, and have it handled again."""

from datetime import timedelta

from tests.factories.events import make_event
from tests.support.face import Face, assert_error, fields_of

from licet.stripe_api.version import API_VERSION

PATH = "/api/admin/events"


async def test_an_event_as_received(face: Face) -> None:
    event_id = await make_event(face.context, outcome="failed", error="ValueError: no")
    event = (await face.get(f"{PATH}/{event_id}")).json()
    assert event["id"] == event_id
    assert event["type"] == "invoice.paid"
    assert event["outcome"] == "failed"
    assert event["attempts"] == 1
    assert event["error"] == "ValueError: no"
    assert event["receivedAt"].endswith("Z")
    assert "payload" not in event
    assert (await face.get(PATH)).json()["data"] == [event]


async def test_the_last_received_first_and_filters(face: Face) -> None:
    now = face.context.now()
    old = await make_event(face.context, type_="invoice.paid", received_at=now - timedelta(hours=1))
    new = await make_event(face.context, type_="refund.failed", outcome="failed", received_at=now)
    middle = await make_event(
        face.context, type_="invoice.paid", outcome="stale", received_at=now - timedelta(minutes=1)
    )

    async def found(query: str) -> list[str]:
        return [one["id"] for one in (await face.get(f"{PATH}?{query}")).json()["data"]]

    assert await found("") == [new, middle, old]
    assert await found("type=invoice.paid") == [middle, old]
    assert await found("outcome=failed") == [new]
    assert await found("type=invoice.paid&outcome=applied") == [old]
    assert await found("type=invoice.paid&outcome=applied&page=2") == []
    assert fields_of(await face.get(f"{PATH}?outcome=lost")) == ["outcome"]
    assert fields_of(await face.get(f"{PATH}?type=%00")) == ["type"]


async def test_what_is_not_there(face: Face) -> None:
    for event_id in ("evt_x", "x" * 500, "%F0%9F%98%80"):
        assert_error(await face.get(f"{PATH}/{event_id}"), 404, "not_found")
        assert_error(await face.post(f"{PATH}/{event_id}/replay"), 404, "not_found")


async def test_an_event_is_handled_again(face: Face) -> None:
    customer = {"id": "cus_1", "object": "customer", "email": "a@example.com", "name": "A", "metadata": {}}
    await face.context.pool.execute(
        """
        INSERT INTO events (stripe_event_id, type, stripe_object_id, created_at, received_at, outcome, error, payload)
        VALUES ('evt_1', 'customer.updated', 'cus_1', $1, $1, 'failed', 'RuntimeError: then', $2)
        """,
        face.context.now(),
        {
            "id": "evt_1",
            "object": "event",
            "type": "customer.updated",
            "created": int(face.context.now().timestamp()),
            "livemode": False,
            "api_version": API_VERSION,
            "data": {"object": customer},
        },
    )
    answer = await face.post(f"{PATH}/evt_1/replay")
    assert answer.status_code == 200
    event = answer.json()
    assert (event["outcome"], event["error"], event["attempts"]) == ("applied", None, 2)
    assert (await face.get(f"{PATH}/evt_1")).json() == event
    assert await face.context.pool.fetchval("SELECT email FROM customers") == "a@example.com"
