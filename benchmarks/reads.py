"""Measures each read endpoint over a large database, beside a bare route with one indexed query.

python -m benchmarks.reads [--subscriptions 100000] [--turns 200] [--json]

Fills an embedded PostgreSQL of its own (a minute or two, some 2 GB), serves the application over HTTP and asks from
another process. Prints Markdown: the answer times, and the plan of every query that was seen.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvloop
from benchmarks.reading.asked import Asked, everything
from benchmarks.reading.caller import take_turns
from benchmarks.reading.fill import fill
from benchmarks.reading.queries import Query, noted, plan
from benchmarks.reading.report import Found, plans, table
from cryptography.fernet import Fernet
from fastapi import FastAPI

from licet.app import create_app
from licet.config import Settings
from licet.db.embedded import EmbeddedPostgres
from licet.db.keyring import Keyring
from licet.db.migrate import migrate_database
from licet.db.pool import Pool, open_pool
from licet.http.context import Context
from licet.node.http_server import HttpServer
from licet.node.listening import listen, url_of
from licet.stripe_api.client import StripeApi

NOW = datetime(2027, 1, 10, tzinfo=UTC)
"""Within the last period that is paid for in what `fill` makes."""


def tell(words: str) -> None:
    print(f"… {words}", file=sys.stderr)


@contextmanager
def directory() -> Iterator[Path]:
    """Where PostgreSQL, which may run as another user, can pass through."""
    with tempfile.TemporaryDirectory(prefix="licet-reads-") as place:
        Path(place).chmod(0o711)
        yield Path(place)


@asynccontextmanager
async def database() -> AsyncIterator[Pool]:
    """An empty one, migrated, that is gone afterwards."""
    with directory() as place:
        server = EmbeddedPostgres(place)
        try:
            dsn = await server.start()
            await migrate_database(dsn)
            async with await open_pool(dsn, min_size=4, max_size=4) as pool:
                yield pool
        finally:
            await server.stop()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Over HTTP, as `licet up` serves it."""
    with listen("127.0.0.1", 0, option="--port") as listening:
        server = HttpServer(app, listening, shutdown_seconds=1)
        await server.start()
        yield url_of(listening)
        await server.stop()


def bare(pool: Pool) -> FastAPI:
    """One query along an index, and nothing else."""
    app = FastAPI()

    @app.get("/bare")
    async def route() -> dict[str, Any]:
        async with pool.acquire() as conn:
            row = await conn.fetchrow("SELECT id, name, email FROM accounts WHERE external_id = $1", "customer-7")
        assert row is not None
        return dict(row)

    return app


@dataclass(frozen=True)
class Served:
    """What is measured, and who asks."""

    pool: Pool
    url: str
    bare_url: str
    caller: ProcessPoolExecutor


async def measure(asked: Asked, served: Served, turns: int) -> Found:
    """First what it takes to answer, then how long that takes: noting takes time itself."""
    headers = {"Authorization": f"Bearer {asked.key}"} if asked.key else {}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60) as client:
        body = (await client.get(asked.path)).raise_for_status().json()
        meta = body.get("meta") if isinstance(body, dict) else None
        page = asked.number(meta["totalPages"]) if meta else 1
        path = f"{asked.path}?page={page}" if page > 1 else asked.path
        async with noted(served.pool) as queries:
            (await client.get(path)).raise_for_status()
    ask = partial(take_turns, f"{served.bare_url}/bare", served.url + path, asked.key, turns)
    times = await asyncio.get_running_loop().run_in_executor(served.caller, ask)
    return Found(asked, page, meta["total"] if meta else None, queries, *times)


async def explain(pool: Pool, found: list[Found]) -> list[tuple[Query, str]]:
    """Each statement once, with what it was given the last time it was seen."""
    seen = {query.sql: query for one in found for query in one.queries}
    async with pool.acquire() as conn:
        return [(query, await plan(conn, query)) for query in seen.values()]


async def measure_all(context: Context, to_ask: list[Asked], turns: int) -> list[Found]:
    found = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as caller:
        async with serving(create_app(context)) as url, serving(bare(context.pool)) as bare_url:
            for n, asked in enumerate(to_ask, 1):
                tell(f"{n}/{len(to_ask)} {asked.who}: {asked.name}, {asked.page} page")
                found.append(await measure(asked, Served(context.pool, url, bare_url, caller), turns))
    return found


async def run(subscriptions: int, turns: int) -> tuple[list[Found], list[tuple[Query, str]]]:
    settings = Settings(_env_file=None, rate_limits="off")  # type: ignore[call-arg]  # as in tests/support/contexts.py
    async with database() as pool:
        stripe = StripeApi("sk_test_nobody", base_url="http://127.0.0.1:1")
        context = Context(settings, pool, lambda: NOW, stripe, Keyring([Fernet.generate_key().decode()]))
        async with pool.acquire() as conn:
            await fill(conn, context.keyring, subscriptions, tell)
            to_ask = await everything(conn)
        found = await measure_all(context, to_ask, turns)
        tell("plans")
        planned = await explain(pool, found)
        await stripe.close()
    return found, planned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with Path(os.devnull).open("w") as nowhere:
        # Log lines are made as in production, and nobody reads them.
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(nowhere),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found, planned = runner.run(run(given.subscriptions, given.turns))
    if given.json:
        by_query = [{"query": query.short, "plan": words} for query, words in planned]
        print(json.dumps({"requests": [one.as_json() for one in found], "plans": by_query}))
    else:
        print(table(found), plans(planned), sep="\n\n")


if __name__ == "__main__":
    main()
