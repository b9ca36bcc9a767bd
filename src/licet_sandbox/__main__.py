"""`python -m licet_sandbox`: the sandbox alone, on one port."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from uvicorn.loops.auto import auto_loop_factory

from licet_sandbox.sandbox import Sandbox
from licet_sandbox.serving import may_listen_on


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="licet_sandbox", description="A stateful Stripe on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--db", type=Path, help="its SQLite file (default: in memory, gone at the end)")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    given = parser.parse_args()
    if os.environ.get("STRIPE_SECRET_KEY"):
        parser.error("STRIPE_SECRET_KEY is set: the sandbox never starts beside the real Stripe")
    if not may_listen_on(given.host):
        parser.error(f"{given.host} can be reached from elsewhere; set LICET_SANDBOX_PUBLIC=1 if that is meant")
    logging.basicConfig(level=logging.INFO if given.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve(given.host, given.port, given.db))
    return 0


async def _serve(host: str, port: int, db: Path | None) -> None:
    running = await Sandbox(db).serve(host, port)
    sys.stdout.write(f"{running.url}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await running.stop()


if __name__ == "__main__":
    sys.exit(main())
