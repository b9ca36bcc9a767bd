"""`licet demo`, as a person and as a program meet it, and as it ends when something goes wrong on the way."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.running import database_process, environment

STEPS = [
    "purchase",
    "declined",
    "three_d_secure",
    "renewal",
    "failed_renewal",
    "new_card",
    "refund",
    "repetition",
]
CREDENTIAL = re.compile(r"(lic|sk|cs)_(test|live)_\w|whsec_|_secret_|[A-Z]+(-[0-9A-HJKMNP-TV-Z]{4}){4}")
"""What every key and secret looks like."""
SOMEBODYS = {
    "LICET_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "STRIPE_SECRET_KEY": "sk_live_somebodys",
    "LICET_PORT": "1",
}
"""Settings of whoever runs it: none may be used."""


@pytest.fixture
def place() -> Iterator[Path]:
    """Where it makes its throw-away directory: all that is in it later was left behind."""
    directory = Path(tempfile.mkdtemp(prefix="demo-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def demo(*options: str) -> list[str]:
    return [str(Path(sys.executable).with_name("licet")), "demo", *options]


def run(place: Path, *options: str, before: Sequence[str] = (), **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*before, *demo(*options)],
        cwd=place,
        env=environment(TMPDIR=str(place), **env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def started(place: Path, *options: str) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        # Whoever runs the tests in a shell's background has SIGINT ignored, which would be handed on.
        ["env", "--default-signal=INT", *demo(*options)],
        cwd=place,
        env=environment(TMPDIR=str(place)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", word: str) -> str:
    """What it said up to the line that holds this word."""
    assert process.stdout is not None
    said = ""
    while word not in said:
        line = process.stdout.readline()
        assert line, said + (process.stderr.read() if process.stderr else "")
        said += line
    return said


def licet_of(place: Path) -> int:
    """The process of the Licet that the demo started, from its data directory's lock."""
    (lock,) = place.glob("licet-demo-*/lock")
    return int(lock.read_text())


def lives(pid: int) -> bool:
    """Whether this process is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_told_to_a_program(place: Path) -> None:
    done = run(place, "--json", **SOMEBODYS)
    assert done.returncode == 0, done.stdout + done.stderr
    *steps, end = [json.loads(line) for line in done.stdout.splitlines()]
    assert [step["name"] for step in steps] == STEPS
    assert [step["step"] for step in steps] == list(range(1, 9))
    for step in steps:
        assert step["ok"], step
        assert step["happens"]
        asked = [answer for answer in step["answers"] if answer["expected"]]
        assert any(answer["call"].startswith("GET /api/") for answer in asked), step
        assert all(answer["ok"] for answer in asked)
    again, anew = [answer["found"]["accepted"] for answer in steps[-1]["answers"] if "accepted" in answer["found"]]
    assert again == 3 * anew > 0
    assert end == {"ok": True, "told": 8, "steps": 8, "seconds": end["seconds"], "kept": None}
    assert done.stderr == ""
    assert CREDENTIAL.search(done.stdout) is None
    assert list(place.iterdir()) == []


def test_interrupted_it_leaves_nothing_behind(place: Path) -> None:
    with started(place, "--json") as process:
        read_until(process, '"purchase"')
        licet = licet_of(place)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 128 + signal.SIGTERM
        assert said == "Interrupted. Nothing is left behind.\n"
    assert list(place.iterdir()) == []
    assert not lives(licet)


def test_interrupted_while_it_starts(place: Path) -> None:
    with started(place) as process:
        read_until(process, "From a purchase")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 130
        assert said == "Interrupted. Nothing is left behind.\n"
    assert list(place.iterdir()) == []


def test_when_licet_dies_on_the_way_it_says_so_and_clears_up(place: Path) -> None:
    with started(place, "--json") as process:
        read_until(process, '"purchase"')
        os.kill(licet_of(place), signal.SIGKILL)
        rest, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 1, said
        assert said == ""
    *steps, end = [json.loads(line) for line in rest.splitlines()]
    wrong: dict[str, Any] = steps[-1]
    assert wrong["ok"] is False
    assert wrong["answers"][-1]["expected"] == {"answer": "one"}
    assert wrong["answers"][-1]["found"]["answer"].endswith("Error")
    assert (end["ok"], end["told"]) == (False, wrong["step"])
    assert list(place.iterdir()) == []


def test_killed_it_leaves_nothing_running(place: Path) -> None:
    with started(place, "--json") as process:
        read_until(process, '"purchase"')
        licet = os.pidfd_open(licet_of(place))
        process.kill()
        process.wait()
    ended, _, _ = select.select([licet], [], [], PATIENCE_SECONDS)
    os.close(licet)
    assert ended
    (left,) = place.iterdir()
    assert database_process(left) is None


def test_served_it_stays_until_it_is_told_to_end(place: Path) -> None:
    with started(place, "--serve", "--json") as process:
        said = json.loads(read_until(process, '"operatorKey"').splitlines()[-1])
        for page in ("docsUrl", "checkoutUrl", "portalUrl", "invoiceUrl"):
            assert httpx.get(said[page], follow_redirects=True, timeout=PATIENCE_SECONDS).status_code == 200, page
        assert seen(said["emailsUrl"], said["operatorKey"])
        before = seen(f"{said['url']}/api/orders", said["accountKey"])
        session = said["checkoutUrl"].rpartition("/")[2]
        card = next(number for number, result in said["cards"].items() if result == "succeeds")
        pay_url = f"{said['sandboxUrl']}/_sandbox/checkout/{session}/pay"
        paid = httpx.post(pay_url, json={"card": card}, timeout=PATIENCE_SECONDS)
        assert paid.json()["redirectTo"].startswith(said["docsUrl"])
        assert seen(f"{said['url']}/api/orders", said["accountKey"]) == before + 1
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, errors) == (0, "")
    end = json.loads(rest)
    assert (end["ok"], end["told"], end["steps"]) == (True, 9, 9)
    assert list(place.iterdir()) == []


def seen(url: str, key: str) -> int:
    """How many there are in a list."""
    answer = httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_SECONDS)
    total: int = answer.json()["meta"]["total"]
    return total


def test_what_ends_by_itself_while_it_is_served_is_said(place: Path) -> None:
    with started(place, "--serve") as process:
        assert process.stderr is not None
        while "Ctrl-C" not in (line := process.stderr.readline()):
            assert line
        os.kill(licet_of(place), signal.SIGKILL)
        story, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 1
    assert said.startswith("licet: Licet stopped unexpectedly (exit code -9).")
    assert CREDENTIAL.search(story) is None
    assert list(place.iterdir()) == []


def test_a_reader_who_goes_away_ends_it(place: Path) -> None:
    with started(place) as process:
        read_until(process, "From a purchase")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert list(place.iterdir()) == []


def test_when_licet_cannot_start_its_own_reason_is_said(place: Path) -> None:
    done = run(place, before=["prlimit", "--fsize=1000000"])  # its first file of 16 MB cannot be written
    assert done.returncode == 3
    assert done.stderr.startswith("licet: PostgreSQL could not create its database")
    assert list(place.iterdir()) == []


def test_what_keeps_it_from_starting_is_said(place: Path) -> None:
    file = place / "file"
    file.touch()
    for named, reason in ((file, "is not a directory"), (place, "is not empty")):
        done = run(place, "--data-dir", str(named))
        assert (done.returncode, done.stdout.count("\n1. ")) == (3, 0)
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    assert list(place.iterdir()) == [file]


def test_help_names_the_exit_codes(place: Path) -> None:
    said = run(place, "--help").stdout
    assert "Exit codes" in said
    assert "--json" in said
