"""Every list is read along an index in the order in which it is shown: no page is sorted out of a whole table."""

from typing import Any

from tests.factories.accounts import make_account
from tests.support.face import Face

LISTS = [
    ("/api/orders", "orders_created"),
    ("/api/orders?accountId=acme", "orders_account"),
    ("/api/licenses", "licenses_created"),
    ("/api/licenses?accountId=acme", "licenses_account"),
    ("/api/admin/accounts", "accounts_pkey"),
    ("/api/admin/api-keys", "api_keys_pkey"),
    ("/api/admin/events", "events_received"),
    ("/api/admin/events?outcome=failed", "events_outcome"),
    ("/api/admin/events?type=invoice.paid", "events_type"),
    ("/api/admin/emails", "emails_created"),
]


async def test_along_an_index(face: Face) -> None:
    await make_account(face.context, external_id="acme")
    asked: list[tuple[str, Any]] = []
    for holder in face.context.pool._holders:
        if holder._con is not None:
            holder._con.add_query_logger(lambda record: asked.append((record.query, record.args)))
    for path, index in LISTS:
        asked.clear()
        assert (await face.get(path)).status_code == 200
        ((query, arguments),) = [one for one in asked if "LIMIT 20" in one[0]]
        async with face.context.pool.acquire() as conn, conn.transaction():
            # On tables of a few rows the planner would sort; what it cannot do otherwise it does all the same.
            for way in ("seqscan", "sort", "bitmapscan"):
                await conn.execute(f"SET LOCAL enable_{way} = off")
            plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {query}", *arguments))
        assert f"using {index} on" in plan, plan
        assert "Sort" not in plan, plan


async def test_a_key_is_found_by_its_hash(face: Face) -> None:
    async with face.context.pool.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL enable_seqscan = off")
        rows = await conn.fetch("EXPLAIN SELECT id FROM api_keys WHERE key_hash = $1", b"x")
    assert "api_keys_key_hash_key" in "\n".join(row[0] for row in rows)
