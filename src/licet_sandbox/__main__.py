"""`python -m licet_sandbox`: the sandbox alone, on one port."""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path

from uvicorn.loops.auto import auto_loop_factory

from licet_sandbox.sandbox import Sandbox
from licet_sandbox.serving import BesideStripe, check_not_beside_stripe, may_listen_on
from licet_sandbox.spec.document import API_VERSION
from licet_sandbox.state.versions import FileRefused
from licet_sandbox.validation import CannotCheck, FileChecker

_EPILOG = """\
examples:
  python -m licet_sandbox                               in memory, at http://127.0.0.1:8081
  python -m licet_sandbox --port 0 --db sandbox.db      on a free port, with a file that stays
"""


def main() -> int:
    """Serve until SIGTERM or SIGINT. Ends with 2 where it was asked wrongly, with 1 where it cannot start."""
    parser = _parser()
    given = parser.parse_args()
    try:
        check_not_beside_stripe()
    except BesideStripe as error:
        parser.error(str(error))
    if not may_listen_on(given.host):
        parser.error(f"{given.host} can be reached from elsewhere; set LICET_SANDBOX_PUBLIC=1 if that is meant")
    logging.basicConfig(level=logging.INFO if given.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(_serve(given))
    except (OSError, sqlite3.Error, FileRefused, CannotCheck) as error:
        sys.stderr.write(f"licet_sandbox: {_why(error, given)}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m licet_sandbox",
        description=f"A stateful Stripe on this machine, API version {API_VERSION}. Any sk_test_ key is taken.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8081, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--db", type=Path, metavar="FILE", help="its SQLite file (default: in memory, gone at the end)")
    parser.add_argument("--json", action="store_true", help="say where it is as one line of JSON, for programs")
    parser.add_argument("--check", type=Path, metavar="FILE", help="append to it what Stripe's document forbids")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} is no port: a number from 0 to 65535")
    return int(text)


async def _serve(given: argparse.Namespace) -> None:
    # Before it says where it is: whoever knows may end it.
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    checker = FileChecker(given.check) if given.check is not None else None
    running = await Sandbox(given.db, validate=checker).serve(given.host, given.port)
    db = None if given.db is None else str(given.db.resolve())
    facts = {"url": running.url, "db": db, "apiVersion": API_VERSION, "pid": os.getpid()}
    sys.stdout.write(f"{json.dumps(facts) if given.json else running.url}\n")
    sys.stdout.flush()
    await ended.wait()
    await running.stop()


def _why(error: Exception, given: argparse.Namespace) -> str:
    """Why it cannot start, and what to do about it."""
    if isinstance(error, (FileRefused, CannotCheck)):
        return f"{given.db}: {error}" if isinstance(error, FileRefused) else str(error)
    if isinstance(error, sqlite3.Error):
        if "locked" in str(error):
            return f"{given.db} is in use by another sandbox: stop that one, or give another file with --db"
        return f"{given.db} cannot be used ({error}): give a file of the sandbox, or a new one, with --db"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {given.port} is taken: give another with --port, or 0 for a free one"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be written ({error.strerror}): give another file with --db"
    return f"cannot listen on {given.host}, port {given.port}: {error}"


if __name__ == "__main__":
    sys.exit(main())
