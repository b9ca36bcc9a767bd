"""What the webhook endpoint accepts, ignores and refuses. Source: contract, section 5."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error
from tests.support.signing import signed

from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import wall_now

OLD, NEW = "whsec_the_one_before", "whsec_the_one_now"
PATH = "/api/billing/webhooks"


@pytest.fixture
def context(pool: Pool) -> Context:
    """A context with two signing secrets, as during a rotation."""
    return make_context(pool, stripe_webhook_secrets=(SecretStr(NEW), SecretStr(OLD)))


def event(type_: str = "product.created", **changed: Any) -> dict[str, Any]:
    product = {"id": "prod_1", "object": "product", "name": "Anvil", "description": None, "active": True}
    return {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": 1_790_000_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": product},
        **changed,
    }


async def send(face: Face, body: Any, *, secret: str = NEW, **headers: str) -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"stripe-signature": signed(raw, secret, wall_now()), "content-type": "application/json", **headers}
    return await face.client.post(PATH, content=raw, headers=given)


async def kept(face: Face) -> list[tuple[Any, ...]]:
    rows = await face.context.pool.fetch("SELECT type, outcome, reason FROM events ORDER BY stripe_event_id")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_a_good_event_is_applied_by_any_secret(face: Face, secret: str) -> None:
    answer = await send(face, event(), secret=secret)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert await kept(face) == [("product.created", "applied", None)]
    assert await face.context.pool.fetchval("SELECT name FROM products") == "Anvil"


async def test_no_signature(face: Face) -> None:
    answer = await face.client.post(PATH, json=event())
    assert_error(answer, 401, "invalid_signature")
    assert await kept(face) == []


@pytest.mark.parametrize(
    "header", ["", "t=", "v1=00", "t=1,v1=", "t=abc,v1=00", "t=1,t=2,v1=00", "nonsense", "t=1790000000,v0=00"]
)
async def test_what_is_no_signature(face: Face, header: str) -> None:
    raw = json.dumps(event()).encode()
    answer = await face.client.post(PATH, content=raw, headers={"stripe-signature": header})
    assert_error(answer, 401, "invalid_signature")
    assert await kept(face) == []


async def test_a_wrong_signature(face: Face) -> None:
    assert_error(await send(face, event(), secret="whsec_somebody_else"), 401, "invalid_signature")
    assert await kept(face) == []


async def test_a_body_changed_by_one_byte(face: Face) -> None:
    raw = json.dumps(event()).encode()
    header = signed(raw, NEW, wall_now())
    changed = raw.replace(b"Anvil", b"Anvik")
    answer = await face.client.post(PATH, content=changed, headers={"stripe-signature": header})
    assert_error(answer, 401, "invalid_signature")
    assert await kept(face) == []


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-295, 200), (295, 200), (301, 401), (-86400, 401)])
async def test_300_seconds_of_tolerance_both_ways(face: Face, seconds: int, status: int) -> None:
    raw = json.dumps(event()).encode()
    header = signed(raw, NEW, wall_now() + timedelta(seconds=seconds))
    answer = await face.client.post(PATH, content=raw, headers={"stripe-signature": header})
    assert answer.status_code == status
    assert len(await kept(face)) == (status == 200)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'"event"',
        b"null",
        b'{"id": "evt_1"}',
        b'{"id": 7, "type": "a", "created": 1, "data": {"object": {}}}',
        b'{"id": "evt_1", "type": "a", "created": 1e400, "data": {"object": {}}}',
        b'{"id": "evt_1", "type": "a", "created": 99999999999999999999, "data": {"object": {"id": "a"}}}',
        b'{"id": "evt_1", "type": "a", "created": 1, "data": {"object": 7}}',
    ],
)
async def test_malformed_with_a_good_signature(face: Face, raw: bytes) -> None:
    assert_error(await send(face, raw), 400, "malformed_json")
    assert await kept(face) == []


async def test_a_body_of_2_mib(face: Face) -> None:
    large = event(padding="x" * 2 * 1024 * 1024)
    assert_error(await send(face, large), 413, "body_too_large")
    assert await kept(face) == []


async def test_an_unknown_type_is_kept_as_ignored(face: Face) -> None:
    answer = await send(face, event("treasury.received_credit.created"))
    assert answer.status_code == 200
    assert await kept(face) == [
        ("treasury.received_credit.created", "ignored", "Licet does not handle treasury.received_credit.created")
    ]


async def test_an_event_of_the_other_mode_is_not_stored(face: Face) -> None:
    answer = await send(face, event(livemode=True))
    assert answer.status_code == 200
    assert await kept(face) == []
    assert await face.context.pool.fetchval("SELECT count(*) FROM products") == 0


async def test_an_event_of_a_connected_account_is_ignored(face: Face) -> None:
    assert (await send(face, event(account="acct_2"))).status_code == 200
    assert await kept(face) == [("product.created", "ignored", "an event of a connected account")]
    assert await face.context.pool.fetchval("SELECT count(*) FROM products") == 0


async def test_a_thin_event_is_ignored(face: Face) -> None:
    thin = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.billing.meter.no_meter_found",
        "created": "2026-06-01T12:00:00.000Z",
        "livemode": False,
        "related_object": None,
    }
    assert (await send(face, thin)).status_code == 200
    assert await kept(face) == [
        ("v1.billing.meter.no_meter_found", "ignored", "a thin event: Licet handles snapshot events only")
    ]


async def test_a_repeat_does_nothing_also_when_all_come_at_once(face: Face) -> None:
    answers = await asyncio.gather(*(send(face, event()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await kept(face) == [("product.created", "applied", None)]
    assert await face.context.pool.fetchval("SELECT attempts FROM events") == 1


async def test_an_older_event_is_stale(face: Face) -> None:
    newer = event("product.updated", id="evt_2", created=1_790_000_100)
    newer["data"]["object"]["name"] = "Hammer"
    await send(face, newer)
    await send(face, event())
    assert await kept(face) == [
        ("product.created", "stale", "a newer state is stored"),
        ("product.updated", "applied", None),
    ]
    assert await face.context.pool.fetchval("SELECT name FROM products") == "Hammer"


async def test_no_secret_and_no_nul_is_stored(face: Face) -> None:
    with_secret = event()
    with_secret["data"]["object"] |= {"client_secret": "seti_1_secret_2", "name": "An\x00vil \ud800"}
    assert (await send(face, with_secret)).status_code == 200
    stored = await face.context.pool.fetchval("SELECT payload::text FROM events")
    assert "seti_1_secret_2" not in stored
    assert await face.context.pool.fetchval("SELECT name FROM products") == "An\ufffdvil \ufffd"


async def break_products(pool: Pool) -> None:
    """Make the database refuse the event's product, as a bug of Licet would."""
    await pool.execute("ALTER TABLE products ADD CONSTRAINT broken CHECK (name <> 'Anvil')")


async def test_handling_that_raises_is_500_kept_retried_and_replayed(face: Face) -> None:
    pool = face.context.pool
    await break_products(pool)
    assert_error(await send(face, event()), 500, "event_not_handled")
    row = await pool.fetchrow("SELECT outcome, attempts, error, retry_at > received_at AS later FROM events")
    assert row is not None
    assert (row["outcome"], row["attempts"], row["later"]) == ("failed", 1, True)
    assert row["error"].startswith("CheckViolationError")
    assert await pool.fetchval("SELECT count(*) FROM mirrors") == 0

    # Stripe delivers again, and it fails again: one more attempt, later still.
    assert_error(await send(face, event()), 500, "event_not_handled")
    assert await pool.fetchval("SELECT attempts FROM events") == 2
    replayed = await face.post("/api/admin/events/evt_1/replay")
    assert (replayed.status_code, replayed.json()["outcome"]) == (200, "failed")

    await pool.execute("ALTER TABLE products DROP CONSTRAINT broken")
    replayed = await face.post("/api/admin/events/evt_1/replay")
    assert (replayed.status_code, replayed.json()["outcome"]) == (200, "applied")
    assert await pool.fetchval("SELECT name FROM products") == "Anvil"
    row = await pool.fetchrow("SELECT attempts, error, retry_at FROM events")
    assert row is not None
    assert tuple(row) == (4, None, None)


async def test_the_next_delivery_heals_a_failed_event(face: Face) -> None:
    await break_products(face.context.pool)
    assert (await send(face, event())).status_code == 500
    await face.context.pool.execute("ALTER TABLE products DROP CONSTRAINT broken")
    assert (await send(face, event())).status_code == 200
    assert await kept(face) == [("product.created", "applied", None)]


async def test_a_replay_of_what_there_is_not(face: Face) -> None:
    assert_error(await face.post("/api/admin/events/evt_nothing/replay"), 404, "not_found")


LONG = "x" * 256


@pytest.mark.parametrize(
    "changed",
    [
        {"id": LONG},
        {"id": ""},
        {"id": None},
        {"type": "x" * 300_000},
        {"api_version": 7},
        {"api_version": LONG},
        {"api_version": {"a": 1}},
        {"created": -1},
        {"created": 0},
        {"created": True},
        {"created": 4_102_444_800},
        {"created": 253_370_764_800},
        {"created": 1_790_000_000.5},
        {"created": "1790000000"},
        {"data": {"object": {"id": 7}}},
        {"data": {"object": {"id": ["prod_1"]}}},
        {"data": {"object": {"id": "x" * 300_000}}},
        {"data": {"object": {"id": ""}}},
        {"data": [{"id": "prod_1"}]},
    ],
    ids=lambda changed: str(changed)[:40],
)
async def test_what_no_column_can_hold_is_no_event(face: Face, changed: dict[str, Any]) -> None:
    for type_ in ("product.created", "treasury.received_credit.created"):
        body = {**event(type_), **changed}
        assert_error(await send(face, body), 400, "malformed_json")
    assert await kept(face) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 5000])
async def test_what_is_no_number_in_json_is_no_event(face: Face, number: str) -> None:
    raw = json.dumps(event(padding="here")).replace('"here"', number).encode()
    assert_error(await send(face, raw), 400, "malformed_json")
    assert await kept(face) == []


@pytest.mark.parametrize("depth", [110, 500, 980, 100_000])
async def test_what_is_nested_too_deep_is_no_event(face: Face, depth: int) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        nested = opened * depth + ("1" if closed == "}" else "") + closed * depth
        raw = json.dumps(event(padding="here")).replace('"here"', nested).encode()
        assert_error(await send(face, raw), 400, "malformed_json")
    assert await kept(face) == []


async def test_what_is_nested_as_deep_as_may_be_is_kept(face: Face) -> None:
    nested = "[" * 99 + "]" * 99
    raw = json.dumps(event(padding="here")).replace('"here"', nested).encode()
    assert (await send(face, raw)).status_code == 200
    assert await kept(face) == [("product.created", "applied", None)]


@pytest.mark.parametrize(
    "changed",
    [
        {"customer": 7},
        {"customer": "x" * 300_000},
        {"customer": {"id": ["cus_1"]}},
        {"items": None},
        {"items": {"data": [7]}},
        {"start_date": 10**30, "created": 10**30},
        {"metadata": "x"},
        {"currency": {"a": "\x00\ud800"}},
        {"status": "\x00" * 1000},
    ],
    ids=lambda changed: str(changed)[:40],
)
async def test_an_event_with_a_broken_object_is_kept_and_its_error_can_be_read(
    face: Face, changed: dict[str, Any]
) -> None:
    subscription = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active", **changed}
    answer = await send(face, event("customer.subscription.updated", data={"object": subscription}))
    # Some are handled by a read of the object. No one is lost.
    assert (answer.status_code, len(await kept(face))) in ((500, 1), (200, 1)), answer.text
    if answer.status_code == 500:
        assert_error(answer, 500, "event_not_handled")
        (error,) = [row["error"] for row in await face.context.pool.fetch("SELECT error FROM events")]
        assert error.isprintable()
        assert len(error) <= 1000
