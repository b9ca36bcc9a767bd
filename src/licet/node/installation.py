"""A database remembers what filled it, so that what was issued in play never counts in earnest."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from licet.config import Mode
from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import StripeRefused, StripeUnavailable
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi

log = structlog.get_logger(__name__)

_WORDS: dict[str, str] = {"sandbox": "the built-in sandbox", "test": "Stripe's test mode", "live": "Stripe's live mode"}
_ASK_WITHIN_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 60.0


@dataclass(frozen=True)
class Installation:
    """What the database says of itself. stripe_account_id: None until Stripe has once been reached."""

    mode: str
    stripe_account_id: str | None


async def find_installation(connection: Connection) -> Installation | None:
    """None for a database that nothing has filled yet."""
    row = await connection.fetchrow("SELECT mode, stripe_account_id FROM installation")
    return Installation(row["mode"], row["stripe_account_id"]) if row else None


def check_mode(found: Installation | None, mode: Mode) -> None:
    """Raises StartupError where the database was filled in another mode."""
    if found is not None and found.mode != mode:
        raise StartupError(
            f"This database was filled in {_WORDS[found.mode]}, and the settings ask for {_WORDS[mode]}. "
            "Give the other mode a database of its own: another --data-dir or LICET_DATABASE_URL."
        )


async def remember_mode(connection: Connection, mode: Mode, now: datetime) -> None:
    """Writes it down, once; of two nodes that race, both must then find their own."""
    await connection.execute(
        "INSERT INTO installation (mode, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", mode, now
    )
    check_mode(await find_installation(connection), mode)


async def check_account(pool: Pool, stripe: StripeApi) -> bool:
    """Holds the key's account against the one that filled the database. False where Stripe could not be asked.

    Raises StartupError for another account, and for a key that Stripe does not accept.
    """
    try:
        account = await asyncio.wait_for(stripe.retrieve("account", ""), _ASK_WITHIN_SECONDS)
    except StripeRefused as error:
        raise StartupError(error.message) from None
    except (StripeUnavailable, TimeoutError):
        log.warning("stripe could not be asked for its account", retry_seconds=_ASK_AGAIN_SECONDS)
        return False
    if account is None:
        raise StartupError("Stripe knows no account for STRIPE_SECRET_KEY. Check the key.")
    filled_by: str = await pool.fetchval(
        "UPDATE installation SET stripe_account_id = coalesce(stripe_account_id, $1) RETURNING stripe_account_id",
        account["id"],
    )
    if filled_by != account["id"]:
        raise StartupError(
            f"This database was filled from the Stripe account {filled_by}, and the key belongs to {account['id']}. "
            "Give each account a database of its own: another --data-dir or LICET_DATABASE_URL."
        )
    return True


async def keep_asking(pool: Pool, stripe: StripeApi) -> None:
    """For a start while Stripe was not to be reached. Never returns; raises StartupError as `check_account` does."""
    known = False
    while not known:
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
        known = await check_account(pool, stripe)
    await asyncio.Event().wait()
