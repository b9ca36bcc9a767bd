"""All traffic is checked, also where no test looks: violations end up in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from tests.sandbox.conftest import KEY
from tests.sandbox.play import Play
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.validation import CannotCheck, Checker, FileChecker, Violations
from licet_sandbox.validation.checker import EXCEPTIONS
from licet_sandbox.validation.file import VARIABLE

TREE = Path(__file__).parents[2]

# A sandbox that answers for its account what Stripe never would.
WRONG = """
import sys
from licet_sandbox.__main__ import main
from licet_sandbox.api.table import OPERATIONS
OPERATIONS["GET /v1/account"] = lambda tx, params: {"object": "account", "id": 5, "nonsense": "a\\nb"}
sys.exit(main())
"""


def account_of(command: list[str], **more: str) -> int:
    """Start a sandbox of its own and ask for its account: the exit status in the end."""
    clean = {key: value for key, value in os.environ.items() if key != VARIABLE} | more
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=clean) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        headers = {"Authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{url}/v1/account", headers=headers, timeout=PATIENCE_SECONDS).status_code == 200
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_process_of_its_own_writes_what_is_wrong(tmp_path: Path, way: str) -> None:
    file = tmp_path / "violations"
    more = {VARIABLE: str(file)} if way == "environment" else {}
    options = ["--check", str(file)] if way == "option" else []
    assert account_of([sys.executable, "-m", "licet_sandbox", *options], **more) == 0
    assert file.read_text() == ""
    assert account_of([sys.executable, "-c", WRONG, *options], **more) == 0
    lines = file.read_text().splitlines()
    assert lines
    assert all(line.startswith("answer GET /v1/account: ") for line in lines)
    assert any("nonsense" in line for line in lines)
    assert any("id: 5" in line for line in lines)


def test_nobody_asked_nothing_checked() -> None:
    assert account_of([sys.executable, "-c", WRONG]) == 0


def test_the_whole_run_has_such_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = Path(os.environ[VARIABLE])
    assert file.exists()
    file = tmp_path / "violations"
    monkeypatch.setenv(VARIABLE, str(file))
    sandbox = Sandbox()
    assert isinstance(sandbox._validate, FileChecker)
    sandbox._validate("event", "no.such", {})
    sandbox._validate("request", "GET /v1/nothing", {})
    assert file.read_text().splitlines() == [
        "event no.such: : no such event type",
        "request GET /v1/nothing: : no such operation",
    ]
    checker = Checker()
    assert Sandbox(validate=checker)._validate is checker


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_run_with_violations_fails(tmp_path: Path, workers: list[str]) -> None:
    wrong = "from licet_sandbox import Sandbox\ndef test_it(): Sandbox()._validate('event', 'no.such', {})\n"
    (tmp_path / "test_wrong.py").write_text(wrong)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", *workers, str(tmp_path)]
    ended = subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Violations: event no.such: : no such event type" in ended.stdout
    assert "1 passed, 1 error" in ended.stdout


def test_no_place_for_it(tmp_path: Path) -> None:
    with pytest.raises(CannotCheck, match="Is a directory"):
        FileChecker(tmp_path)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {_WITHOUT}", str(tmp_path / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 1
    assert "pip install jsonschema-rs" in ended.stderr


_WITHOUT = (
    "import importlib.util; find = importlib.util.find_spec; "
    "importlib.util.find_spec = lambda name: None if name == 'jsonschema_rs' else find(name); "
    "from licet_sandbox.__main__ import main; sys.argv[1:1] = ['--check']; sys.exit(main())"
)


def test_every_exception_has_its_reason() -> None:
    assert all(EXCEPTIONS.values())


async def test_what_is_wrong_fails_the_test_that_did_it(play: Play) -> None:
    checker = Checker()
    answer = (await play.api.products.create_async({"name": "T"})).to_dict()
    checker("answer", "POST /v1/products", answer)
    assert checker.checked == {"request": 0, "answer": 1, "event": 0}
    checker.raise_any()
    checker("answer", "POST /v1/products", {**answer, "active": "yes"})
    with pytest.raises(Violations, match="active"):
        checker.raise_any()
    checker.raise_any()


async def test_traffic_of_every_kind_is_looked_at(play: Play, checker: Checker) -> None:
    before = dict(checker.checked)
    await play.api.products.create_async({"name": "T"})
    with pytest.raises(stripe.InvalidRequestError):
        await play.api.products.retrieve_async("prod_none")
    seen: dict[str, Any] = {what: checker.checked[what] - before[what] for what in before}
    assert seen == {"request": 2, "answer": 2, "event": 1}
