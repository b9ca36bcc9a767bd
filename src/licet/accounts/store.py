# ruff: noqa: S608 - only the two constants below are put into the statements
"""SQL for the tables accounts and api_keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet.accounts.core import Scope
from licet.db.connection import Connection
from licet.db.listing import Where, fetch_page
from licet.kit.pages import Page


@dataclass(frozen=True)
class AccountRecord:
    """A user or an organisation.

    An account created for a Stripe customer may have no name and email address.
    """

    id: UUID
    kind: str
    name: str | None
    email: str | None
    external_id: str | None
    stripe_customer_id: str | None
    created_at: datetime


@dataclass(frozen=True)
class ApiKeyRecord:
    """An API key without its secret. account_id None: an operator's key. Times are wall times."""

    id: UUID
    account_id: UUID | None
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_ACCOUNT = "id, kind, name, email, external_id, stripe_customer_id, created_at"
_KEY = "id, account_id, name, scopes, created_at, expires_at, revoked_at, last_used_at"


def _account(row: asyncpg.Record) -> AccountRecord:
    return AccountRecord(**dict(row))


def _key(row: asyncpg.Record) -> ApiKeyRecord:
    return ApiKeyRecord(**dict(row))


async def insert_account(conn: Connection, account: AccountRecord) -> None:
    """Inserts an account. Raises asyncpg's UniqueViolationError if the external id is taken."""
    await conn.execute(
        f"INSERT INTO accounts ({_ACCOUNT}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        account.id,
        account.kind,
        account.name,
        account.email,
        account.external_id,
        account.stripe_customer_id,
        account.created_at,
    )


async def upsert_oidc_account(conn: Connection, account: AccountRecord, issuer: str, subject: str) -> AccountRecord:
    """Inserts the account of a subject, or fills in the missing name and email of the existing one.

    Returns the stored account.
    """
    (row,) = await conn.fetch(
        f"""
        INSERT INTO accounts ({_ACCOUNT}, oidc_issuer, oidc_subject) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (oidc_issuer, oidc_subject) DO UPDATE SET
            name = coalesce(accounts.name, excluded.name), email = coalesce(accounts.email, excluded.email)
        RETURNING {_ACCOUNT}
        """,
        account.id,
        account.kind,
        account.name,
        account.email,
        account.external_id,
        account.stripe_customer_id,
        account.created_at,
        issuer,
        subject,
    )
    return _account(row)


async def find_oidc_account(conn: Connection, issuer: str, subject: str) -> AccountRecord | None:
    """The account of a subject: the one query of every request with a token."""
    row = await conn.fetchrow(
        f"SELECT {_ACCOUNT} FROM accounts WHERE oidc_issuer = $1 AND oidc_subject = $2", issuer, subject
    )
    return _account(row) if row else None


async def update_account(conn: Connection, account_id: UUID, changes: dict[str, Any]) -> AccountRecord | None:
    """Sets the named columns (kind, name, email, external_id). Returns None if there is no such account.

    Raises asyncpg's UniqueViolationError if the external id is taken.
    """
    row = await conn.fetchrow(
        f"""
        UPDATE accounts SET
            kind = CASE WHEN $2::jsonb ? 'kind' THEN $2 ->> 'kind' ELSE kind END,
            name = CASE WHEN $2 ? 'name' THEN $2 ->> 'name' ELSE name END,
            email = CASE WHEN $2 ? 'email' THEN $2 ->> 'email' ELSE email END,
            external_id = CASE WHEN $2 ? 'external_id' THEN $2 ->> 'external_id' ELSE external_id END
        WHERE id = $1
        RETURNING {_ACCOUNT}
        """,
        account_id,
        changes,
    )
    return _account(row) if row else None


async def find_account(conn: Connection, account_id: UUID) -> AccountRecord | None:
    """The account with this id."""
    row = await conn.fetchrow(f"SELECT {_ACCOUNT} FROM accounts WHERE id = $1", account_id)
    return _account(row) if row else None


async def find_account_id(conn: Connection, own_id: UUID | None, external_id: str) -> UUID | None:
    """The id of the account with this id, else of the account with this external id."""
    found: UUID | None = await conn.fetchval(
        "SELECT id FROM accounts WHERE id = $1 OR external_id = $2 ORDER BY (id = $1) DESC NULLS LAST LIMIT 1",
        own_id,
        external_id,
    )
    return found


async def list_account_records(
    conn: Connection, page: Page, *, kind: str | None, email: str | None, external_id: str | None
) -> tuple[list[AccountRecord], int]:
    """A page of the accounts, the newest first, and the total number.

    A filter that is None is not applied.
    """
    where = Where().add("kind = {}", kind).add("email = {}", email).add("external_id = {}", external_id)
    # Ids are UUIDv7, so the primary key is in the order of creation.
    rows, total = await fetch_page(conn, page, where, columns=_ACCOUNT, table="accounts", order_by="id DESC")
    return [_account(row) for row in rows], total


async def insert_key(conn: Connection, key: ApiKeyRecord, key_hash: bytes) -> None:
    """Inserts a key. Does nothing if a key with this hash exists."""
    await conn.execute(
        f"INSERT INTO api_keys ({_KEY}, key_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        key.id,
        key.account_id,
        key.name,
        key.scopes,
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
        key_hash,
    )


async def find_key(conn: Connection, key_hash: bytes) -> ApiKeyRecord | None:
    """The key with this hash: the one query of every request with an API key."""
    row = await conn.fetchrow(f"SELECT {_KEY} FROM api_keys WHERE key_hash = $1", key_hash)
    return _key(row) if row else None


async def list_key_records(conn: Connection, page: Page, *, account_id: UUID | None) -> tuple[list[ApiKeyRecord], int]:
    """A page of the keys, revoked ones included, the newest first, and the total number.

    account_id None: the keys of all accounts.
    """
    where = Where().add("account_id = {}", account_id)
    rows, total = await fetch_page(conn, page, where, columns=_KEY, table="api_keys", order_by="id DESC")
    return [_key(row) for row in rows], total


async def revoke_key(conn: Connection, key_id: UUID, now: datetime) -> bool:
    """Revokes a key. The time of an earlier revocation is kept. Returns False if there is no such key."""
    row = await conn.fetchrow(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING id", key_id, now
    )
    return row is not None


async def write_last_used(conn: Connection, used: dict[UUID, datetime]) -> None:
    """Writes when each key was last used, in one statement. A later time in the database is kept."""
    await conn.execute(
        """
        UPDATE api_keys SET last_used_at = greatest(api_keys.last_used_at, used.at)
        FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at)
        WHERE api_keys.id = used.id
        """,
        list(used.keys()),
        list(used.values()),
    )
