"""Operators see what was sent to an endpoint, and have it sent again."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from benchmarks.reading.queries import noted
from tests.factories.accounts import make_account, make_api_key
from tests.factories.catalog import make_product
from tests.factories.deliveries import delivery_of, end_delivery, make_endpoint, publish_event
from tests.factories.licenses import make_license
from tests.factories.orders import make_order
from tests.features.http.test_indexes import plan_of, whole_tables
from tests.support.face import Face, assert_error, fields_of

from licet.accounts.mirror import MOVE_STATEMENTS
from licet.kit.ids import new_id
from licet.kit.times import rfc3339
from licet.outbox.store import DELIVER_JOB
from licet.outgoing_webhooks.payloads.registry import compose_event

ENDPOINTS = "/api/webhook-endpoints"


def path_of(endpoint_id: UUID, *more: object) -> str:
    return "/".join([ENDPOINTS, str(endpoint_id), "deliveries", *map(str, more)])


async def jobs_of(face: Face) -> list[str]:
    rows = await face.context.pool.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", DELIVER_JOB)
    return [row["payload"].decode() for row in rows]


async def test_how_far_each_has_come(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    events = [await publish_event(context, "license.revoked") for _ in range(3)]
    ids = [await delivery_of(context, endpoint, event) for event in events]
    await end_delivery(context, ids[1], status=200)
    await end_delivery(context, ids[2], status=503, error="it answered 503")
    rows = {row["id"]: row for row in await context.pool.fetch("SELECT * FROM deliveries")}
    listed = (await face.get(path_of(endpoint))).json()
    assert listed["meta"] == {"total": 3, "page": 1, "limit": 20, "totalPages": 1}
    pending, delivered, failed = (next(one for one in listed["data"] if one["id"] == str(id_)) for id_ in ids)
    at = rfc3339(rows[ids[0]]["created_at"])
    assert pending == {
        "id": str(ids[0]),
        "eventId": str(events[0]),
        "event": "license.revoked",
        "status": "pending",
        "attempts": 0,
        "createdAt": at,
        "deliveredAt": None,
        "nextAttemptAt": at,
        "responseStatus": None,
        "error": None,
    }
    assert delivered == {
        **pending,
        "id": str(ids[1]),
        "eventId": str(events[1]),
        "status": "delivered",
        "attempts": 10,
        "createdAt": rfc3339(rows[ids[1]]["created_at"]),
        "deliveredAt": rfc3339(rows[ids[1]]["delivered_at"]),
        "nextAttemptAt": None,
        "responseStatus": 200,
    }
    assert failed == {
        **delivered,
        "id": str(ids[2]),
        "eventId": str(events[2]),
        "status": "failed",
        "createdAt": rfc3339(rows[ids[2]]["created_at"]),
        "deliveredAt": None,
        "responseStatus": 503,
        "error": "it answered 503",
    }


async def test_the_list_is_paged_the_newest_first_also_by_status(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    await make_endpoint(context)
    ids = [await delivery_of(context, endpoint, await publish_event(context)) for _ in range(5)]
    for n, id_ in enumerate(ids):
        await context.pool.execute(
            "UPDATE deliveries SET created_at = $2 WHERE id = $1", id_, context.now() + timedelta(seconds=n)
        )
    await end_delivery(context, ids[1], status=200)
    await end_delivery(context, ids[3], status=None, error="nobody answered")
    newest = [str(one) for one in reversed(ids)]
    pages = [(await face.get(f"{path_of(endpoint)}?limit=2&page={n}")).json() for n in (1, 2, 3)]
    assert [[one["id"] for one in page["data"]] for page in pages] == [newest[:2], newest[2:4], newest[4:]]
    for status, found in (("pending", [0, 2, 4]), ("delivered", [1]), ("failed", [3])):
        page = (await face.get(f"{path_of(endpoint)}?status={status}")).json()
        assert page["meta"]["total"] == len(found)
        assert [one["id"] for one in page["data"]] == [str(ids[n]) for n in reversed(found)]
    assert fields_of(await face.get(f"{path_of(endpoint)}?status=sent")) == ["status"]


async def a_license_told_of(face: Face, account: UUID) -> tuple[UUID, str]:
    """The event that tells that it was issued, and its key."""
    context = face.context
    product = await make_product(context)
    license_ = await make_license(context, await make_order(context, account, [product]), product)
    line = await context.pool.fetchval("SELECT id FROM license_timeline WHERE license_id = $1", license_.id)
    about: dict[str, str | int] = {"licenseId": str(license_.id), "lineId": str(line)}
    return await publish_event(context, "license.issued", about=about, account_id=account), license_.key


async def test_one_with_what_it_says(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    event, key = await a_license_told_of(face, await make_account(context))
    delivery = await delivery_of(context, endpoint, event)
    answer = await face.get(path_of(endpoint, delivery))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    body = found.pop("body")
    assert body == await compose_event(context, event)
    assert (body["id"], body["event"]) == (str(event), "license.issued")
    assert key in answer.text
    (listed,) = (await face.get(path_of(endpoint))).json()["data"]
    assert found == listed


async def test_one_whose_license_was_moved_to_another_account(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    one, other = [await make_account(context) for _ in range(2)]
    event, _ = await a_license_told_of(face, one)
    path = path_of(endpoint, await delivery_of(context, endpoint, event))
    assert (await face.get(path)).json()["body"]["data"]["accountId"] == str(one)
    for statement in MOVE_STATEMENTS:
        await context.pool.execute(statement, one, other)
    for table in ("outgoing_events", "deliveries"):
        assert await context.pool.fetchval(f"SELECT account_id FROM {table}") == other
    assert (await face.get(path)).json()["body"]["data"]["accountId"] == str(other)


async def test_one_about_what_is_not_there_any_more(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    delivery = await delivery_of(
        context, endpoint, await publish_event(context, "invoice.paid", about={"invoiceId": "in_0"})
    )
    found = (await face.get(path_of(endpoint, delivery))).json()
    assert (found["event"], found["status"], found["body"]) == ("invoice.paid", "pending", None)


async def test_sent_again_whatever_became_of_it(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    ends: tuple[Callable[[UUID], Awaitable[None]], ...] = (
        lambda id_: end_delivery(context, id_, status=200),
        lambda id_: end_delivery(context, id_, status=500, error="it answered 500"),
        lambda id_: end_delivery(context, id_, status=None, error="nobody answered"),
    )
    for end in ends:
        delivery = await delivery_of(context, endpoint, await publish_event(context))
        before = (await face.get(path_of(endpoint, delivery))).json()
        await end(delivery)
        await context.pool.execute("DELETE FROM pgqueuer")
        earliest = context.now()
        # Twice is once: a second job would find nothing to do.
        for _ in range(2):
            answer = await face.post(path_of(endpoint, delivery, "replay"))
            assert answer.status_code == 200, answer.text
        assert earliest <= await context.pool.fetchval("SELECT due_at FROM deliveries WHERE id = $1", delivery)
        replayed = answer.json()
        assert rfc3339(earliest) <= replayed["nextAttemptAt"] <= rfc3339(context.now())
        del before["body"]
        assert replayed == {**before, "nextAttemptAt": replayed["nextAttemptAt"]}
        assert (replayed["status"], replayed["attempts"]) == ("pending", 0)
        assert await jobs_of(face) == [str(delivery)]


async def test_not_to_one_that_is_disabled(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    delivery = await delivery_of(context, endpoint, await publish_event(context))
    await end_delivery(context, delivery, status=410, error="gone")
    await context.pool.execute("DELETE FROM pgqueuer")
    where = f"{ENDPOINTS}/{endpoint}"
    await face.call("PATCH", where, key=face.operator_key, json={"enabled": False})
    assert_error(await face.post(path_of(endpoint, delivery, "replay")), 409, "endpoint_disabled")
    assert (await face.get(path_of(endpoint, delivery))).json()["status"] == "failed"
    assert await jobs_of(face) == []
    await face.call("PATCH", where, key=face.operator_key, json={"enabled": True})
    assert (await face.post(path_of(endpoint, delivery, "replay"))).json()["status"] == "pending"


def every_call(endpoint: UUID, delivery: object) -> list[tuple[str, str]]:
    return [
        ("GET", path_of(endpoint)),
        ("GET", path_of(endpoint, delivery)),
        ("POST", path_of(endpoint, delivery, "replay")),
    ]


async def test_what_is_not_there_or_another_endpoint_s(face: Face) -> None:
    context = face.context
    endpoint, other = [await make_endpoint(context) for _ in range(2)]
    event = await publish_event(context)
    theirs = await delivery_of(context, other, event)
    await end_delivery(context, theirs, status=200)
    for delivery in (theirs, new_id(), "x"):
        for method, path in every_call(endpoint, delivery)[1:]:
            assert_error(await face.call(method, path, key=face.operator_key), 404, "not_found")
    for method, path in every_call(new_id(), theirs):
        assert_error(await face.call(method, path, key=face.operator_key), 404, "not_found")
    assert (await face.get(path_of(other, theirs))).json()["status"] == "delivered"


async def test_only_an_operator_may(face: Face) -> None:
    context = face.context
    endpoint, account = await make_endpoint(context), await make_account(context)
    event, license_key = await a_license_told_of(face, account)
    delivery = await delivery_of(context, endpoint, event)
    await end_delivery(context, delivery, status=200)
    # Not even of what is its own account's.
    key = await make_api_key(context, account, "read", "write")
    for method, path in every_call(endpoint, delivery):
        for given, status, code in ((key, 403, "forbidden"), (None, 401, "unauthorized")):
            answer = await face.call(method, path, key=given)
            assert_error(answer, status, code)
            assert license_key not in answer.text
    assert (await face.get(path_of(endpoint, delivery))).json()["status"] == "delivered"


async def test_every_statement_is_along_an_index(face: Face) -> None:
    context = face.context
    endpoint = await make_endpoint(context)
    delivery = await delivery_of(context, endpoint, await publish_event(context))
    change = {"url": "https://hooks.example.com/2", "events": ["*"], "description": None, "rotateSecret": True}
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", ENDPOINTS, {"json": {"url": "https://hooks.example.com", "events": ["*"]}}),
        ("POST", path_of(endpoint, delivery, "replay"), {}),
        ("PATCH", f"{ENDPOINTS}/{endpoint}", {"json": {**change, "enabled": True}}),
        ("PATCH", f"{ENDPOINTS}/{endpoint}", {"json": {"enabled": False}}),
        ("DELETE", f"{ENDPOINTS}/{endpoint}", {}),
    )
    seen = set()
    for method, path, body in calls:
        async with noted(context.pool) as queries:
            answer = await face.call(method, path, key=face.operator_key, **body)
        assert answer.status_code < 300, answer.text
        for query in queries:
            if "webhook_endpoints" in query.sql or "deliveries" in query.sql:
                seen.add(query.sql)
                async with context.pool.acquire() as conn:
                    plan = await plan_of(conn, query)
                # What is written to stands above what is read.
                for reads in plan.get("Plans", []) if plan["Node Type"] == "ModifyTable" else [plan]:
                    assert whole_tables(query, reads) == set(), f"{query.sql}\n{plan}"
    assert len(seen) >= 12
