"""SQL of a start: what filled the database, and whether an operator's key and a catalogue exist."""

from dataclasses import dataclass
from datetime import datetime

from licet.db.connection import Connection


@dataclass(frozen=True)
class Installation:
    """The mode and Stripe account that filled the database.

    stripe_account_id: None until Stripe has been reached.
    """

    mode: str
    stripe_account_id: str | None


async def find_installation(conn: Connection) -> Installation | None:
    """The installation, or None for an empty database."""
    row = await conn.fetchrow("SELECT mode, stripe_account_id FROM installation")
    return Installation(row["mode"], row["stripe_account_id"]) if row else None


async def insert_installation(conn: Connection, mode: str, now: datetime) -> None:
    """Records the mode, unless one is recorded already."""
    await conn.execute("INSERT INTO installation (mode, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", mode, now)


async def claim_stripe_account(conn: Connection, stripe_account_id: str) -> str:
    """Records the Stripe account, unless one is recorded already. Returns the recorded account's id."""
    claimed: str = await conn.fetchval(
        "UPDATE installation SET stripe_account_id = coalesce(stripe_account_id, $1) RETURNING stripe_account_id",
        stripe_account_id,
    )
    return claimed


async def operator_key_exists(conn: Connection) -> bool:
    """True if an operator's API key was ever made, revoked ones included."""
    return bool(await conn.fetchval("SELECT EXISTS (SELECT 1 FROM api_keys WHERE account_id IS NULL)"))


async def catalog_is_empty(conn: Connection) -> bool:
    """True if no catalogue was ever pushed."""
    return not await conn.fetchval("SELECT EXISTS (SELECT 1 FROM products WHERE catalog_key IS NOT NULL)")
