"""Working beside a running Licet, as the commands do: on its database, and with the same Stripe."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from licet.config import Settings
from licet.db.cluster import DATABASE, ROLE
from licet.db.migrate import schema_is_current
from licet.db.pool import Pool, open_pool
from licet.db.postmaster import find_postmaster
from licet.node import installation
from licet.node.sandbox import STRIPE_KEY
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi


@dataclass(frozen=True)
class CliContext:
    """What a command works with."""

    pool: Pool
    stripe: StripeApi


@asynccontextmanager
async def beside(settings: Settings) -> AsyncIterator[CliContext]:
    """The database and Stripe of the Licet that these settings name. Raises StartupError as `beside_database` does."""
    async with beside_database(settings) as pool:
        stripe = _stripe(settings)
        try:
            if settings.mode != "sandbox":
                await installation.check_account(pool, stripe)
            yield CliContext(pool, stripe)
        finally:
            await stripe.close()


@asynccontextmanager
async def beside_database(settings: Settings) -> AsyncIterator[Pool]:
    """Its database alone, for what Stripe has no part in.

    Raises StartupError where the database cannot be used, is of another version, or was filled from elsewhere.
    """
    try:
        pool = await open_pool(_dsn(settings), max_size=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartupError(f"The database cannot be reached: {error}. Check LICET_DATABASE_URL.") from None
    try:
        async with pool.acquire() as conn:
            if not await schema_is_current(conn):
                raise StartupError(
                    "The database has another version's schema. Run `licet migrate` or `licet up` first."
                )
            installation.check_mode(await installation.find_installation(conn), settings.mode)
        yield pool
    finally:
        await pool.close()


def _dsn(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    running = find_postmaster(Path(os.path.realpath(settings.data_dir)) / "postgres")
    if running is None or not running.running or running.socket_dir is None:
        raise StartupError(
            f"No Licet runs on {settings.data_dir}: start `licet up`, name its --data-dir, or set LICET_DATABASE_URL."
        )
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(running.socket_dir))}"


def _stripe(settings: Settings) -> StripeApi:
    if settings.stripe_secret_key is not None:
        return StripeApi(settings.stripe_secret_key.get_secret_value(), timeout_seconds=settings.stripe_timeout_seconds)
    if settings.sandbox_port == 0:
        raise StartupError("Name the sandbox's port: --sandbox-port, or LICET_SANDBOX_PORT.")
    return StripeApi(STRIPE_KEY, base_url=f"http://127.0.0.1:{settings.sandbox_port}")
