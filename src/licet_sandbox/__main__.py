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
from licet_sandbox.serving import StripeKeyPresent, check_no_stripe_key, may_listen_on
from licet_sandbox.spec.document import API_VERSION
from licet_sandbox.state.versions import FileRefused
from licet_sandbox.validation import CannotCheck, FileChecker

_EPILOG = """\
examples:
  python -m licet_sandbox                               in memory, at http://127.0.0.1:8081
  python -m licet_sandbox --port 0 --db sandbox.db      on a free port, with a file that stays
"""


def main() -> int:
    """Runs the server until SIGTERM or SIGINT. Exit codes: 2 for wrong arguments, 1 if it cannot start."""
    parser = _parser()
    args = parser.parse_args()
    try:
        check_no_stripe_key()
    except StripeKeyPresent as error:
        parser.error(str(error))
    if not may_listen_on(args.host):
        parser.error(f"{args.host} can be reached from other machines; set LICET_SANDBOX_PUBLIC=1 to allow that")
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(_serve(args))
    except (OSError, sqlite3.Error, FileRefused, CannotCheck) as error:
        sys.stderr.write(f"licet_sandbox: {_start_error(error, args)}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m licet_sandbox",
        description=f"A stateful Stripe on this machine, API version {API_VERSION}. Any sk_test_ key is accepted.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8081, help="the port; 0: a free one (default: %(default)s)")
    parser.add_argument("--db", type=Path, metavar="FILE", help="SQLite file that keeps the state (default: memory)")
    parser.add_argument("--json", action="store_true", help="write the URL as one line of JSON, for programs")
    parser.add_argument("--check", type=Path, metavar="FILE", help="append violations of Stripe's OpenAPI document")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} is not a port: give a number from 0 to 65535")
    return int(text)


async def _serve(args: argparse.Namespace) -> None:
    # Set before the URL is written: a process that reads it may send a signal at once.
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    checker = FileChecker(args.check) if args.check is not None else None
    running = await Sandbox(args.db, validate=checker).serve(args.host, args.port)
    db = None if args.db is None else str(args.db.resolve())
    facts = {"url": running.url, "db": db, "apiVersion": API_VERSION, "pid": os.getpid()}
    sys.stdout.write(f"{json.dumps(facts) if args.json else running.url}\n")
    sys.stdout.flush()
    await ended.wait()
    await running.stop()


def _start_error(error: Exception, args: argparse.Namespace) -> str:
    """Why the sandbox cannot start, and what to do about it."""
    if isinstance(error, (FileRefused, CannotCheck)):
        return f"{args.db}: {error}" if isinstance(error, FileRefused) else str(error)
    if isinstance(error, sqlite3.Error):
        if "locked" in str(error):
            return f"{args.db} is in use by another sandbox: stop that one, or give another file with --db"
        return f"{args.db} cannot be used ({error}): give a file of the sandbox, or a new one, with --db"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {args.port} is taken: give another with --port, or 0 for a free one"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be written ({error.strerror}): give another file with --db"
    return f"cannot listen on {args.host}, port {args.port}: {error}"


if __name__ == "__main__":
    sys.exit(main())
