"""Checks that the database belongs to the configured mode and Stripe account.

The database records both, so that licenses from the sandbox or test mode never count in production.
"""

import asyncio
from datetime import datetime

import structlog

from licet.config import Mode
from licet.db.connection import Connection
from licet.db.pool import Pool
from licet.errors import StripeRefused, StripeUnavailable
from licet.node.store import Installation, claim_stripe_account, find_installation, insert_installation
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi

log = structlog.get_logger(__name__)

_MODE_NAMES: dict[str, str] = {
    "sandbox": "the built-in sandbox",
    "test": "Stripe's test mode",
    "live": "Stripe's live mode",
}
_STRIPE_TIMEOUT_SECONDS = 3.0
_RETRY_SECONDS = 60.0


def check_mode(found: Installation | None, mode: Mode) -> None:
    """Raises StartupError if the database was filled in another mode."""
    if found is not None and found.mode != mode:
        raise StartupError(
            f"This database was filled in {_MODE_NAMES[found.mode]}, but the settings select {_MODE_NAMES[mode]}. "
            "Use another database for each mode: another --data-dir or LICET_DATABASE_URL."
        )


async def record_mode(connection: Connection, mode: Mode, now: datetime) -> None:
    """Records the mode of an empty database.

    Raises StartupError if another node has just recorded another mode.
    """
    await insert_installation(connection, mode, now)
    check_mode(await find_installation(connection), mode)


async def check_account(pool: Pool, stripe: StripeApi) -> bool:
    """Checks that STRIPE_SECRET_KEY belongs to the account that filled the database.

    Returns False if Stripe could not be reached. Raises StartupError for another account and for an invalid key.
    """
    try:
        account = await asyncio.wait_for(stripe.retrieve("account", ""), _STRIPE_TIMEOUT_SECONDS)
    except StripeRefused as error:
        raise StartupError(error.message) from None
    except (StripeUnavailable, TimeoutError):
        log.warning("stripe_account_not_checked", retry_seconds=_RETRY_SECONDS)
        return False
    if account is None:
        raise StartupError("Stripe has no account for STRIPE_SECRET_KEY. Check the key.")
    async with pool.acquire() as connection:
        filled_by = await claim_stripe_account(connection, account["id"])
    if filled_by != account["id"]:
        raise StartupError(
            f"This database was filled from the Stripe account {filled_by}, but the key belongs to {account['id']}. "
            "Use another database for each account: another --data-dir or LICET_DATABASE_URL."
        )
    return True


async def check_account_later(pool: Pool, stripe: StripeApi) -> None:
    """Repeats `check_account` until Stripe responds. Never returns.

    Raises StartupError as `check_account` does.
    """
    checked = False
    while not checked:
        await asyncio.sleep(_RETRY_SECONDS)
        checked = await check_account(pool, stripe)
    await asyncio.Event().wait()
