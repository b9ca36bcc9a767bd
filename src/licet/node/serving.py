"""Starts and stops the parts of a node on a running database. This module imports slow libraries.

It starts the pool, the sandbox, the workers and the API in this order, and stops them in reverse, so that requests and
jobs in progress can finish.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from pydantic import SecretStr

from licet.app import create_app, delivery_worker_jobs, jobs, mail_worker_jobs, webhook_events
from licet.catalog.file import EXAMPLE, read_catalog
from licet.catalog.push import push_catalog
from licet.config import Settings
from licet.db.keyring import Keyring
from licet.db.migrate import migrate_database, schema_is_current
from licet.db.pool import Pool, close_pool, open_pool
from licet.db.startup import reporting_connection_errors, reporting_database_errors
from licet.http.context import Context
from licet.kit.times import Now, wall_now
from licet.node import installation
from licet.node.addresses import Addresses, OnReady
from licet.node.http_server import HttpServer
from licet.node.listening import url_of
from licet.node.sandbox import STRIPE_KEY, RunningSandbox, ensure_webhook_endpoint, start_sandbox
from licet.node.startup_secrets import encryption_keys, first_operator_key
from licet.node.store import catalog_is_empty, find_installation
from licet.outgoing_webhooks.transport.sender import MAX_CONCURRENT
from licet.queue.worker import Worker
from licet.startup_error import StartupError
from licet.stripe_api.client import StripeApi

OLDEST_POSTGRESQL = 15
WEBHOOK_PATH = "/api/billing/webhooks"

API_CONNECTIONS = 16
"""Connections of the API and of Stripe's events, which take at most half of them (`http/context.py`)."""
WORKER_CONNECTIONS = 10
"""Connections of all jobs. They are apart from the API's, so that jobs that wait for a lock delay no request."""
MAX_EMAILS = 4
"""How many emails are sent at once: enough for a mail server, few enough that it does not refuse them."""

# A stop takes at most five seconds, including PostgreSQL's.
WORK_SHUTDOWN_SECONDS = 3
CUT_OFF_SECONDS = 0.2
"""How long cancelled requests and jobs may still use the database. Then its connections are closed: one that does not
answer keeps nobody from ending."""


async def serve(
    settings: Settings,
    *,
    dsn: str,
    api_socket: socket.socket,
    sandbox_socket: socket.socket | None,
    ready: OnReady,
    others: "Sequence[asyncio.Task[None]]" = (),
) -> None:
    """Serves until it is cancelled or one of its parts ends, whose error it raises.

    sandbox_socket: in sandbox mode only. others: further parts, which the caller started and stops.
    Raises StartupError if the database, the Stripe account and the settings do not match.
    """
    async with AsyncExitStack() as stack:
        pool = await _open_current_database(dsn)
        stack.push_async_callback(close_pool, pool)
        worker_pool = await open_pool(dsn, min_size=1, max_size=WORKER_CONNECTIONS)
        stack.push_async_callback(close_pool, worker_pool)
        with reporting_database_errors("use the database"):
            keyring, operator_key = await _claim_database(pool, settings)

        url = url_of(api_socket)
        settings = settings.model_copy(update={"public_url": settings.public_url or url})
        sandbox = await start_sandbox(settings.data_dir, sandbox_socket) if sandbox_socket else None
        if sandbox:
            stack.push_async_callback(sandbox.stop)
        stripe = _stripe(settings, sandbox)
        stack.push_async_callback(stripe.close)
        if sandbox:
            webhook_url = f"{settings.public_url}{WEBHOOK_PATH}"
            secret = await ensure_webhook_endpoint(stripe, webhook_url, webhook_events(), settings.data_dir)
            settings = settings.model_copy(update={"stripe_webhook_secrets": (SecretStr(secret),)})
        account_checked = sandbox is not None or await installation.check_account(pool, stripe)

        now: Now = sandbox.now if sandbox else wall_now
        context = Context(settings=settings, pool=pool, now=now, stripe=stripe, keyring=keyring)
        if sandbox:
            await _push_example_catalog(context)
        # Emails and outgoing webhooks have their own workers, so that a slow mail server or endpoint delays only these.
        background = replace(context, pool=worker_pool)
        worker = Worker(dsn, worker_pool, jobs(background), now)
        mail_worker = Worker(dsn, worker_pool, mail_worker_jobs(background), now, max_jobs=MAX_EMAILS)
        delivery_jobs = await stack.enter_async_context(delivery_worker_jobs(background))
        delivery_worker = Worker(dsn, worker_pool, delivery_jobs, now, max_jobs=MAX_CONCURRENT)
        workers = (worker, mail_worker, delivery_worker)
        if sandbox:
            for one in workers:
                sandbox.on_clock_advanced(one.hand_over_due)
        app = create_app(context)
        api = HttpServer(app, api_socket, shutdown_seconds=WORK_SHUTDOWN_SECONDS, lifespan="on")
        worker_tasks = [asyncio.create_task(one.run()) for one in workers]
        tasks = [await api.start(), *worker_tasks, *others]
        stack.push_async_callback(_stop_work, api, workers, worker_tasks, (pool, worker_pool))
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
        if not account_checked:
            tasks.append(asyncio.create_task(installation.check_account_later(pool, stripe)))
            stack.callback(tasks[-1].cancel)
        await _wait_for_any(tasks)


async def _open_current_database(dsn: str) -> Pool:
    """Opens a pool and migrates the schema. Raises StartupError if the database cannot be used."""
    with reporting_connection_errors():
        pool = await open_pool(dsn, min_size=2, max_size=API_CONNECTIONS)
    try:
        with reporting_database_errors("use the database"):
            async with pool.acquire() as connection:
                _check_version(connection.get_server_version().major)
                current = await schema_is_current(connection)
        if not current:
            await migrate_database(dsn)
    except BaseException:
        await close_pool(pool)
        raise
    return pool


def _check_version(major: int) -> None:
    if major < OLDEST_POSTGRESQL:
        raise StartupError(f"The database is PostgreSQL {major}. Upgrade it to {OLDEST_POSTGRESQL} or later.")


async def _claim_database(pool: Pool, settings: Settings) -> tuple[Keyring, str | None]:
    """Checks the database's mode. Returns its keyring, and the operator key if it was just made."""
    async with pool.acquire() as connection:
        found = await find_installation(connection)
        installation.check_mode(found, settings.mode)
        keys = encryption_keys(settings, empty_database=found is None)
        await installation.record_mode(connection, settings.mode, wall_now())
    return Keyring(keys), await first_operator_key(pool, settings, settings.data_dir / "operator.key")


def _stripe(settings: Settings, sandbox: RunningSandbox | None) -> StripeApi:
    key = settings.stripe_secret_key
    return StripeApi(
        key.get_secret_value() if key else STRIPE_KEY,
        base_url=sandbox.url if sandbox else None,
        timeout_seconds=settings.stripe_timeout_seconds,
    )


async def _push_example_catalog(context: Context) -> None:
    """Pushes the example catalogue if no catalogue was ever pushed. Sandbox mode only."""
    async with context.pool.acquire() as connection:
        empty = await catalog_is_empty(connection)
    if empty:
        await push_catalog(read_catalog(EXAMPLE), context.pool, context.stripe)


async def _wait_for_any(tasks: "list[asyncio.Task[None]]") -> None:
    """Waits until a task ends, and raises its error. On cancellation the tasks keep running."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    raise RuntimeError("a part of Licet ended unexpectedly")


async def _stop_work(
    api: HttpServer,
    workers: "tuple[Worker, Worker, Worker]",
    worker_tasks: "Sequence[asyncio.Task[None]]",
    pools: Sequence[Pool],
) -> None:
    """Waits for requests and jobs in progress, concurrently.

    A job that takes too long is returned to the queue. Deliveries are returned to the queue immediately, because they
    wait for other machines. workers: the main worker, the mail worker, the delivery worker.
    """
    main_worker, mail_worker, delivery_worker = workers
    cutting_off = asyncio.get_running_loop().call_later(WORK_SHUTDOWN_SECONDS + CUT_OFF_SECONDS, _terminate, pools)
    try:
        await main_worker.stop()
        await mail_worker.stop()
        await delivery_worker.stop(cut_off=True)
        await asyncio.gather(
            api.stop(),
            asyncio.wait(worker_tasks, timeout=float(WORK_SHUTDOWN_SECONDS)),
        )
        for task in worker_tasks:
            task.cancel()
        await asyncio.gather(*worker_tasks, return_exceptions=True)
    finally:
        cutting_off.cancel()


def _terminate(pools: Sequence[Pool]) -> None:
    for pool in pools:
        pool.terminate()
