"""Makes accounts and API keys."""

from itertools import count
from typing import Any
from uuid import UUID

from licet.accounts.core import Scope
from licet.accounts.keys import create_key
from licet.accounts.store import AccountRecord, insert_account
from licet.http.context import Context
from licet.kit.ids import new_id
from licet.kit.times import wall_now

_numbers = count(1)


async def make_account(context: Context, *, external_id: str | None = None, kind: str = "user") -> UUID:
    n = next(_numbers)
    account = AccountRecord(new_id(), kind, f"Account {n}", f"account{n}@example.com", external_id, None, context.now())
    async with context.pool.acquire() as conn:
        await insert_account(conn, account)
    return account.id


async def make_api_key(context: Context, account_id: UUID | None, *scopes: Scope, **fields: Any) -> str:
    """Creates an API key and returns it; without an account, an operator's key."""
    given: list[Scope] = list(scopes) or (["read", "write"] if account_id else ["admin"])
    async with context.pool.acquire() as conn:
        made = await create_key(
            conn, context.settings, name="test", scopes=given, now=wall_now(), account_id=account_id, **fields
        )
    return made.key
