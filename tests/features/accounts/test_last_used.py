"""When keys were last used: gathered, and written in batches."""

from datetime import timedelta
from typing import Any

from tests.factories.accounts import make_account, make_api_key
from tests.support.client import open_client
from tests.support.serving import serve

from licet.accounts.last_used import LastUsed
from licet.app import create_app
from licet.http.context import Context
from licet.kit.ids import new_id
from licet.kit.times import wall_now


async def last_used(context: Context) -> list[Any]:
    rows = await context.pool.fetch("SELECT last_used_at FROM api_keys ORDER BY id")
    return [row["last_used_at"] for row in rows]


async def test_it_is_written_when_the_application_ends(context: Context) -> None:
    key = await make_api_key(context, await make_account(context))
    await make_api_key(context, None)
    began = wall_now()
    async with serve(create_app(context)) as url, open_client(base_url=url) as client:
        assert (await client.get("/api/orders", headers={"X-API-Key": key})).status_code == 200
        assert await last_used(context) == [None, None]
    used, unused = await last_used(context)
    assert began <= used <= wall_now()
    assert unused is None


async def test_a_later_time_stays(context: Context) -> None:
    await make_api_key(context, None)
    key_id = await context.pool.fetchval("SELECT id FROM api_keys")
    now = wall_now()
    for at in (now, now - timedelta(hours=1)):
        gathered = LastUsed()
        gathered.note(key_id, at)
        gathered.note(new_id(), at)
        await gathered.write(context.pool)
    assert await last_used(context) == [now]


async def test_what_cannot_be_written_is_kept_for_the_next_time(context: Context) -> None:
    await make_api_key(context, None)
    key_id = await context.pool.fetchval("SELECT id FROM api_keys")
    gathered = LastUsed()
    gathered.note(key_id, wall_now())
    await context.pool.execute("ALTER TABLE api_keys RENAME TO away")
    try:
        async with gathered.writing_periodically(context.pool):
            pass
    finally:
        await context.pool.execute("ALTER TABLE away RENAME TO api_keys")
    await gathered.write(context.pool)
    assert await last_used(context) != [None]
