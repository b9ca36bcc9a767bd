"""`python -m licet_sandbox` as somebody meets it: what it says of itself, and where it cannot start."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("STRIPE", "LICET"))}
    command = [sys.executable, "-m", "licet_sandbox", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=clean | environment
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("STRIPE", "LICET"))}
    command = [sys.executable, "-m", "licet_sandbox", "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)


def test_help() -> None:
    told = run("--help")
    assert told.returncode == 0
    for word in ("--host", "--port", "--db", "--json", "--verbose", "2026-10-28.endive", "examples:"):
        assert word in told.stdout, word


def test_json_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with start("--db", str(path), "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        process.terminate()
    assert told == {"url": told["url"], "db": str(path), "apiVersion": "2026-10-28.endive", "pid": process.pid}
    assert process.returncode == 0


def test_a_file_that_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with start("--db", str(path)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        told = run("--port", "0", "--db", str(path))
        assert (told.returncode, "in use by another sandbox" in told.stderr) == (1, True)
        # The first one does not mind.
        with urlopen(f"{url}/_sandbox/clock", timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200
        process.terminate()


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = run("--port", str(taken.getsockname()[1]))
    assert (told.returncode, "is taken: give another with --port" in told.stderr) == (1, True)


def newer(path: Path) -> Path:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    return path


def text(path: Path) -> Path:
    path.write_text("Dear diary, this is no database. " * 40)
    return path


def closed(path: Path) -> Path:
    return path.parent / "nowhere" / path.name


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (newer, "this sandbox knows versions up to"),
        (text, "give a file of the sandbox, or a new one"),
        (closed, "cannot be written (No such file or directory)"),
        (folder, "cannot be written (Is a directory)"),
    ],
)
def test_files_that_are_none(tmp_path: Path, make: Any, said: str) -> None:
    told = run("--port", "0", "--db", str(make(tmp_path / "s.db")))
    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr
    assert "Traceback" not in told.stderr


async def test_as_a_library_it_is_as_careful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_1")
    with pytest.raises(RuntimeError, match="unset it first"):
        await Sandbox().serve()


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--port", "99999"], {}, "99999 is not a port"),
        (["--port", "x"], {}, "x is not a port"),
        (["--host", "0.0.0.0"], {}, "LICET_SANDBOX_PUBLIC=1"),
        ([], {"STRIPE_SECRET_KEY": "sk_test_1"}, "unset it first"),
    ],
)
def test_asked_wrongly(arguments: list[str], environment: dict[str, str], said: str) -> None:
    told = run(*arguments, **environment)
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
    assert "Traceback" not in told.stderr
