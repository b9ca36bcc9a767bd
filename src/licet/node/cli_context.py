"""Database and Stripe client of a running installation, for CLI commands."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from licet.config import Settings
from licet.db.cluster import DATABASE, ROLE
from licet.db.migrate import schema_is_current
from licet.db.pool import Pool, close_pool, open_pool
from licet.db.postmaster import find_postmaster
from licet.db.startup import reporting_connection_errors, reporting_database_errors
from licet.node import installation
from licet.node.sandbox import STRIPE_KEY
from licet.node.store import find_installation
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi


@dataclass(frozen=True)
class CliContext:
    """A connection pool and a Stripe client."""

    pool: Pool
    stripe: StripeApi


@asynccontextmanager
async def open_cli_context(settings: Settings) -> AsyncIterator[CliContext]:
    """Opens the database and the Stripe client.

    Raises StartupError as `open_database` does, and if the Stripe account is another one.
    """
    async with open_database(settings) as pool:
        stripe = _stripe(settings)
        try:
            if settings.mode != "sandbox":
                await installation.check_account(pool, stripe)
            yield CliContext(pool, stripe)
        finally:
            await stripe.close()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Pool]:
    """Opens the database only.

    Raises StartupError if the database cannot be reached, has another schema version, or was filled in another mode,
    and in place of the database's errors inside the block.
    """
    with reporting_connection_errors():
        pool = await open_pool(_dsn(settings), max_size=5)
    try:
        with reporting_database_errors("use the database"):
            async with pool.acquire() as conn:
                if not await schema_is_current(conn):
                    raise StartupError(
                        "The database has the schema of another version. Run `licet migrate` or `licet up` first."
                    )
                installation.check_mode(await find_installation(conn), settings.mode)
            yield pool
    finally:
        await close_pool(pool)


def _dsn(settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    running = find_postmaster(Path(os.path.realpath(settings.data_dir)) / "postgres")
    if running is None or not running.running or running.socket_dir is None:
        raise StartupError(
            f"No Licet runs on {settings.data_dir}. Start `licet up`, pass its --data-dir, or set LICET_DATABASE_URL."
        )
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(running.socket_dir))}"


def _stripe(settings: Settings) -> StripeApi:
    if settings.stripe_secret_key is not None:
        return StripeApi(settings.stripe_secret_key.get_secret_value(), timeout_seconds=settings.stripe_timeout_seconds)
    if settings.sandbox_port == 0:
        raise StartupError("The sandbox's port is not known. Pass --sandbox-port or set LICET_SANDBOX_PORT.")
    return StripeApi(STRIPE_KEY, base_url=f"http://127.0.0.1:{settings.sandbox_port}")
