"""Runs Licet behind a proxy that kills it, and restarts it over the same data."""

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


async def start_behind(place: Path, proxy: CommitProxy, ports: Sequence[str] = ANY_PORTS) -> Running | None:
    """Starts Licet over the data in `place`, behind the proxy; None if it was killed before it was ready."""

    def spawned(pid: int) -> None:
        proxy.pid = pid

    env = environment(LICET_DATABASE_URL=proxy.dsn)
    try:
        return await asyncio.to_thread(start, command(place / "data", *ports), place, env, spawned)
    except AssertionError:
        assert not proxy.armed
        return None


async def killed_or_idle(licet: Running) -> bool:
    """Waits until Licet is killed (True), or idle, with no transaction left to commit (False).

    It is idle once every event is delivered and other due work was handed over, which happens every second.
    """
    began = monotonic()

    async def dead_or_idle() -> bool:
        if licet.process.poll() is not None:
            return True
        try:
            return await all_delivered(licet.ready["sandboxUrl"]) and monotonic() - began > 2 * TICK_SECONDS
        except httpx.TransportError:
            # The process is ending.
            return False

    await eventually(dead_or_idle)
    if licet.process.poll() is None:
        return False
    assert licet.process.returncode == -signal.SIGKILL
    close_output(licet)
    return True


async def all_delivered(sandbox_url: str) -> bool:
    """True if every event of the purchase was answered with 200."""
    async with open_client() as client:
        deliveries = (await client.get(f"{sandbox_url}/_sandbox/deliveries")).json()["data"]
    return bool(deliveries) and all(one["state"] != "pending" for one in deliveries)


def same_ports(licet: Running) -> list[str]:
    """The options to start Licet again on the same ports."""
    return ["--json", "--port", port_of(licet.url), "--sandbox-port", port_of(licet.ready["sandboxUrl"])]


def port_of(url: str) -> str:
    return str(urlsplit(url).port)


def close_output(licet: Running) -> None:
    assert licet.process.stdout is not None
    licet.process.stdout.close()


async def fetch_value(dsn: str, query: str) -> Any:
    """Runs a query and returns its only value."""
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(query)
    finally:
        await conn.close()
