"""LICET_OPERATOR_KEY: taken as it is, once."""

import asyncio

import pytest
from tests.factories.accounts import make_account, make_api_key
from tests.support.contexts import make_context

from licet.accounts.keys import store_operator_key
from licet.accounts.store import ApiKeyRecord, revoke_key
from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.startup_error import StartupError

KEY = "lic_test_" + "0123456789abcdefABCDEF-_0123456789"


async def adopt(context: Context) -> ApiKeyRecord:
    async with context.pool.acquire() as conn:
        return await store_operator_key(conn, context.settings, now=wall_now())


async def test_it_is_adopted_once_however_many_start(pool: Pool) -> None:
    context = make_context(pool, operator_key=KEY)
    adopted = await asyncio.gather(*(adopt(context) for _ in range(5)))
    assert len({key.id for key in adopted}) == 1
    assert adopted[0].scopes == ["admin"]
    assert adopted[0].account_id is None
    assert await pool.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_a_revoked_one_stays_revoked(pool: Pool) -> None:
    context = make_context(pool, operator_key=KEY)
    key = await adopt(context)
    async with pool.acquire() as conn:
        await revoke_key(conn, key.id, wall_now())
    with pytest.raises(StartupError, match="revoked"):
        await adopt(context)


async def test_it_cannot_be_an_accounts_key(pool: Pool) -> None:
    context = make_context(pool)
    key = await make_api_key(context, await make_account(context))
    with pytest.raises(StartupError, match="account"):
        await adopt(make_context(pool, operator_key=key))
