"""The node over a running database: the part whose libraries take their time to import.

It starts pool, sandbox, worker and API in this order and stops them in the reverse, so that requests and jobs under way
find what they need until they are done.
"""

import asyncio
import socket
from contextlib import AsyncExitStack

import asyncpg
from pydantic import SecretStr

from licet.app import DELIVERIES_AT_ONCE, create_app, delivery_worker_jobs, jobs, prepare, webhook_events
from licet.config import Settings
from licet.db.keyring import Keyring
from licet.db.migrate import migrate_database, schema_is_current
from licet.db.pool import Pool, open_pool
from licet.http.context import Context
from licet.kit.times import Now, wall_now
from licet.node import installation
from licet.node.addresses import Addresses, OnReady
from licet.node.first_secrets import encryption_keys, first_operator_key
from licet.node.http import HttpServer
from licet.node.listening import url_of
from licet.node.sandbox import STRIPE_KEY, RunningSandbox, start_sandbox, webhook_secret
from licet.queue.worker import Worker
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi

OLDEST_POSTGRESQL = 15
WEBHOOK_PATH = "/api/billing/webhooks"

# A stop takes five seconds at most, PostgreSQL's own included.
WORK_FINISHES_WITHIN_SECONDS = 3
POOL_CLOSES_WITHIN_SECONDS = 0.3


async def serve(
    settings: Settings, *, dsn: str, api_socket: socket.socket, sandbox_socket: socket.socket | None, ready: OnReady
) -> None:
    """Serves until it is cancelled, or until a part of it ends by itself, which is raised.

    sandbox_socket: in sandbox mode.
    Raises StartupError where database, Stripe account and settings do not fit together.
    """
    async with AsyncExitStack() as stack:
        pool = await _open_current_database(dsn)
        stack.push_async_callback(_close, pool)
        keyring, operator_key = await _claim_database(pool, settings)

        url = url_of(api_socket)
        settings = settings.model_copy(update={"public_url": settings.public_url or url})
        sandbox = await start_sandbox(settings.data_dir, sandbox_socket) if sandbox_socket else None
        if sandbox:
            stack.push_async_callback(sandbox.stop)
        stripe = _stripe(settings, sandbox)
        stack.push_async_callback(stripe.close)
        if sandbox:
            hook = f"{settings.public_url}{WEBHOOK_PATH}"
            secret = await webhook_secret(stripe, hook, webhook_events(), settings.data_dir)
            settings = settings.model_copy(update={"stripe_webhook_secrets": (SecretStr(secret),)})
        account_known = sandbox is not None or await installation.check_account(pool, stripe)

        now: Now = sandbox.now if sandbox else wall_now
        context = Context(settings=settings, pool=pool, now=now, stripe=stripe, keyring=keyring)
        await prepare(context)
        # Two: machines that answer slowly, or not at all, hold up neither events nor mail.
        worker = Worker(dsn, pool, jobs(context), now)
        runner = Worker(
            dsn, pool, await stack.enter_async_context(delivery_worker_jobs(context)), now, at_once=DELIVERIES_AT_ONCE
        )
        if sandbox:
            sandbox.on_clock_turned(worker.hand_over_due)
            sandbox.on_clock_turned(runner.hand_over_due)
        app = create_app(context)
        api = HttpServer(app, api_socket, finishes_within_seconds=WORK_FINISHES_WITHIN_SECONDS, lifespan="on")
        working = [asyncio.create_task(worker.run()), asyncio.create_task(runner.run())]
        tasks = [await api.start(), *working]
        stack.push_async_callback(_finish_work, api, worker, runner, working)
        if sandbox:
            tasks.append(sandbox.serving)

        ready(
            Addresses(
                url=url,
                sandbox_url=sandbox.url if sandbox else None,
                operator_key=operator_key,
                database_url=None if settings.database_url else dsn,
                webhook_secret=secret if sandbox else None,
            )
        )
        if not account_known:
            tasks.append(asyncio.create_task(installation.keep_asking(pool, stripe)))
            stack.callback(tasks[-1].cancel)
        await _until_one_ends(tasks)


async def _open_current_database(dsn: str) -> Pool:
    """A pool over a database whose schema is this version's. Raises StartupError where it cannot be reached or used."""
    try:
        pool = await open_pool(dsn, min_size=2, max_size=20)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartupError(f"The database cannot be reached: {error}. Check LICET_DATABASE_URL.") from None
    try:
        async with pool.acquire() as connection:
            _check_version(connection.get_server_version().major)
            current = await schema_is_current(connection)
        if not current:
            await migrate_database(dsn)
    except BaseException:
        await _close(pool)
        raise
    return pool


def _check_version(major: int) -> None:
    if major < OLDEST_POSTGRESQL:
        raise StartupError(f"The database is PostgreSQL {major}; Licet needs {OLDEST_POSTGRESQL} or later.")


async def _claim_database(pool: Pool, settings: Settings) -> tuple[Keyring, str | None]:
    """Holds the settings against what filled the database; returns its encryption and, just made, the operator key."""
    async with pool.acquire() as connection:
        found = await installation.find_installation(connection)
        installation.check_mode(found, settings.mode)
        keys = encryption_keys(settings, empty_database=found is None)
        await installation.remember_mode(connection, settings.mode, wall_now())
    return Keyring(keys), await first_operator_key(pool, settings, settings.data_dir / "operator.key")


def _stripe(settings: Settings, sandbox: RunningSandbox | None) -> StripeApi:
    key = settings.stripe_secret_key
    return StripeApi(
        key.get_secret_value() if key else STRIPE_KEY,
        base_url=sandbox.url if sandbox else None,
        timeout_seconds=settings.stripe_timeout_seconds,
    )


async def _until_one_ends(tasks: "list[asyncio.Task[None]]") -> None:
    """Raises what made it end. Cancelled, it leaves them running: each is stopped in its turn."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    raise RuntimeError("a part of Licet ended by itself")


async def _finish_work(api: HttpServer, worker: Worker, runner: Worker, working: "list[asyncio.Task[None]]") -> None:
    """Lets requests and jobs under way finish, side by side; a job that is not done in time is handed back.

    Errands are handed back at once: what they wait for takes its own time.
    """
    await worker.stop()
    await runner.stop(cut_off=True)
    await asyncio.gather(
        api.stop(),
        asyncio.wait(working, timeout=float(WORK_FINISHES_WITHIN_SECONDS)),
    )
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)


async def _close(pool: Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), POOL_CLOSES_WITHIN_SECONDS)
    except TimeoutError:
        pool.terminate()
