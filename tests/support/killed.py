"""A Licet behind a proxy that kills it, from one life to the next."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from tests.support.client import open_client
from tests.support.commit_proxy import CommitProxy
from tests.support.running import ANY_PORTS, Running, command, environment, start
from tests.support.shop import eventually

from licet.queue.worker import TICK_SECONDS


async def started(place: Path, proxy: CommitProxy, ports: Sequence[str] = ANY_PORTS) -> Running | None:
    """A new life over the same data; None where it was killed before it was ready."""

    def spawned(pid: int) -> None:
        proxy.pid = pid

    env = environment(LICET_DATABASE_URL=proxy.dsn)
    try:
        return await asyncio.to_thread(start, command(place / "data", *ports), place, env, spawned)
    except AssertionError:
        assert not proxy.armed
        return None


async def died(licet: Running) -> bool:
    """Whether it was killed; it lives on where no transaction was left to commit.

    That is so once every event was delivered, and what else was due was handed over, as it is every second.
    """
    began = monotonic()

    async def dead_or_idle() -> bool:
        if licet.process.poll() is not None:
            return True
        try:
            return await all_delivered(licet.said["sandboxUrl"]) and monotonic() - began > 2 * TICK_SECONDS
        except httpx.TransportError:
            # It is dying.
            return False

    await eventually(dead_or_idle)
    if licet.process.poll() is None:
        return False
    assert licet.process.returncode == -signal.SIGKILL
    close(licet)
    return True


async def all_delivered(sandbox_url: str) -> bool:
    """Whether every event of the purchase has had its 200."""
    async with open_client() as client:
        deliveries = (await client.get(f"{sandbox_url}/_sandbox/deliveries")).json()["data"]
    return bool(deliveries) and all(one["state"] != "pending" for one in deliveries)


def same_ports(licet: Running) -> list[str]:
    """Its next lives answer where the first did."""
    return ["--json", "--port", port_of(licet.url), "--sandbox-port", port_of(licet.said["sandboxUrl"])]


def port_of(url: str) -> str:
    return str(urlsplit(url).port)


def close(licet: Running) -> None:
    assert licet.process.stdout is not None
    licet.process.stdout.close()


async def value(dsn: str, query: str) -> Any:
    """The one value of a query."""
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()
