"""A Licet behind a proxy that kills it, from one life to the next."""

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tests.support.commit_proxy import CommitProxy
from tests.support.running import ANY_PORTS, Running, command, environment, start


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


async def died(licet: Running, seconds: float = 5.0) -> bool:
    """Whether it was killed; it lives on where no transaction was left to commit."""
    try:
        code = await asyncio.to_thread(licet.process.wait, seconds)
    except subprocess.TimeoutExpired:
        return False
    assert code == -signal.SIGKILL
    close(licet)
    return True


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
