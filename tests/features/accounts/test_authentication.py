"""Which credential opens what: `Authorization: Bearer KEY` or `X-API-Key: KEY`."""

from datetime import timedelta
from typing import Any

from tests.factories.accounts import make_account, make_api_key
from tests.support.client import open_client
from tests.support.contexts import make_context
from tests.support.face import Face, assert_error
from tests.support.serving import serve

from licet.accounts.keys import create_key, find_key_mode, hash_key
from licet.app import create_app
from licet.db.pool import Pool, open_pool
from licet.kit.times import wall_now


async def test_both_headers_open(face: Face) -> None:
    key = await make_api_key(face.context, await make_account(face.context))
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer   {key}"},
        {"X-API-Key": key},
        {"X-API-Key": key, "Authorization": f"Bearer {key}"},
    ):
        assert (await face.call("GET", "/api/orders", headers=headers)).status_code == 200


async def test_nothing_else_opens(face: Face) -> None:
    key = await make_api_key(face.context, await make_account(face.context))
    other = await make_api_key(face.context, None)
    sent: tuple[Any, ...] = (
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {key}"},
        {"Authorization": key},
        {"Authorization": f"Basic {key}", "X-API-Key": key},
        {"X-API-Key": ""},
        {"X-API-Key": key[:-1]},
        {"X-API-Key": key + "x"},
        {"X-API-Key": key.upper()},
        {"X-API-Key": "lic_test_" + "x" * 40},
        {"X-API-Key": "lic_test_" + "x" * 4000},
        {"X-API-Key": "sk_test_123"},
        {"X-API-Key": "lic_test_" + "'; DROP TABLE api_keys; --" * 2},
        {"X-API-Key": ("lic_test_" + "ü" * 40).encode("latin-1")},
        {"X-API-Key": b"\xff\xfe"},
        {"X-API-Key": key, "Authorization": f"Bearer {other}"},
        [("X-API-Key", key), ("X-API-Key", other)],
        [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {other}")],
        [("Authorization", f"Bearer {key}"), ("Authorization", "Basic abc")],
        [("Cookie", f"key={key}")],
    )
    for headers in sent:
        answer = await face.client.get("/api/orders", headers=headers)
        assert_error(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert key not in answer.text
    assert_error(await face.client.get("/api/orders", params={"key": key}), 401, "unauthorized")


async def test_a_revoked_key(face: Face) -> None:
    key = await make_api_key(face.context, None)
    (made, *_) = (await face.get("/api/admin/api-keys", key=key)).json()["data"]
    assert (await face.call("DELETE", f"/api/admin/api-keys/{made['id']}", key=key)).status_code == 204
    body = assert_error(await face.get("/api/orders", key=key), 401, "unauthorized")
    assert "revoked" in body["message"]


async def test_a_revoked_key_opens_nothing_on_any_node(face: Face, database: str) -> None:
    """Each looks it up each time, so there is nothing that could still hold it."""
    key = await make_api_key(face.context, await make_account(face.context))
    pool = await open_pool(database, max_size=2)
    try:
        async with serve(create_app(make_context(pool))) as url, open_client(base_url=url) as other:
            headers = {"X-API-Key": key}
            assert (await other.get("/api/orders", headers=headers)).status_code == 200
            assert (await face.get("/api/orders", key=key)).status_code == 200
            (made, *_) = (await face.get("/api/admin/api-keys")).json()["data"]
            assert made["accountId"] is not None
            revoked = await face.call("DELETE", f"/api/admin/api-keys/{made['id']}", key=face.operator_key)
            assert revoked.status_code == 204
            assert_error(await other.get("/api/orders", headers=headers), 401, "unauthorized")
            assert_error(await face.get("/api/orders", key=key), 401, "unauthorized")
    finally:
        await pool.close()


async def test_an_expired_key(face: Face) -> None:
    account = await make_account(face.context)
    past, soon = wall_now() - timedelta(seconds=1), wall_now() + timedelta(minutes=1)
    expired = await make_api_key(face.context, account, expires_at=past)
    body = assert_error(await face.get("/api/orders", key=expired), 401, "unauthorized")
    assert "expired" in body["message"]
    assert (
        await face.get("/api/orders", key=await make_api_key(face.context, account, expires_at=soon))
    ).status_code == 200


async def test_a_key_expires_by_the_real_time(pool: Pool) -> None:
    """Whatever the sandbox's clock was turned to."""
    context = make_context(pool, now=lambda: wall_now() + timedelta(days=400))
    key = await make_api_key(context, None, expires_at=wall_now() + timedelta(days=1))
    async with serve(create_app(context)) as url, open_client(base_url=url) as client:
        assert (await client.get("/api/orders", headers={"X-API-Key": key})).status_code == 200


async def test_a_key_of_the_other_mode(pool: Pool) -> None:
    live = make_context(
        pool,
        stripe_secret_key="sk_live_123",
        secret_keys=["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
        redirect_hosts=["shop.example.com"],
        public_url="https://licenses.example.com",
        stripe_webhook_secrets=["whsec_123"],
    )
    made_live, made_test = await make_api_key(live, None), await make_api_key(make_context(pool), None)
    assert (find_key_mode(made_live), find_key_mode(made_test)) == ("live", "test")
    for context, good, bad in ((live, made_live, made_test), (make_context(pool), made_test, made_live)):
        async with serve(create_app(context)) as url, open_client(base_url=url) as client:
            assert (await client.get("/api/orders", headers={"X-API-Key": good})).status_code == 200
            assert_error(await client.get("/api/orders", headers={"X-API-Key": bad}), 401, "unauthorized")


async def test_what_a_key_looks_like_and_what_is_kept_of_it(face: Face) -> None:
    async with face.context.pool.acquire() as conn:
        made = await create_key(conn, face.context.settings, name="n", scopes=["admin"], now=wall_now())
        row = await conn.fetchrow("SELECT * FROM api_keys WHERE id = $1", made.record.id)
    prefix, mode, random = made.key.split("_")
    assert (prefix, mode) == ("lic", "test")
    assert len(random) >= 32
    assert row is not None
    assert row["key_hash"] == hash_key(made.key)
    assert random not in str(dict(row))


async def test_one_query_tells_who_is_calling(face: Face) -> None:
    asked: list[str] = []
    key = await make_api_key(face.context, await make_account(face.context))
    pool = face.context.pool
    connections = [holder._con for holder in pool._holders if holder._con is not None]  # type: ignore[attr-defined]  # not in the stubs
    for one in connections:
        one.add_query_logger(lambda record: asked.append(record.query))
    asked.clear()
    assert (await face.call("GET", "/api/orders", key=key)).status_code == 200
    assert len([query for query in asked if "api_keys" in query]) == 1
