"""What the README shows works, and what it lists is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.routing import Route
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.billing.payments.cards import card_by_number, card_by_token
from licet_sandbox.events.layouts import OLDEST
from licet_sandbox.fault_settings import _READERS

HOME = Path(__file__).parents[2] / "src" / "licet_sandbox"
README = (HOME / "README.md").read_text()
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith(("STRIPE", "LICET"))}


def program(name: str) -> str:
    (found,) = re.findall(rf"```python\n# {name}\n(.*?)```", README, re.DOTALL)
    return str(found)


def section(name: str) -> str:
    return README.partition(f"## {name}\n")[2].partition("\n## ")[0]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_purchase(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "licet_sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=CLEAN) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        (tmp_path / "purchase.py").write_text(program("purchase.py").replace("http://127.0.0.1:8081", url))
        told = run("purchase.py", cwd=tmp_path).splitlines()
        process.terminate()
    assert f"{url}/c/pay/cs_test_" in told[0]
    assert "'paymentStatus': 'paid'" in told[1]
    assert told[-1] == str([("subscription_cycle", "paid")] * 3 + [("subscription_create", "paid")])


@pytest.mark.parametrize("name", ["test_async.py", "test_sync.py"])
def test_in_tests(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(program(name))
    told = run("-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(tmp_path), name, cwd=tmp_path)
    assert "1 passed" in told


def test_the_cards() -> None:
    rows = re.findall(r"^\| ([0-9 ]+) \| `(\w+)` \|", section("Test cards"), re.MULTILINE)
    assert len(rows) > 10
    for number, token in rows:
        assert card_by_number(number) is card_by_token(token), number


def test_the_controls() -> None:
    listed = set(re.findall(r"`(GET|POST) (/[^\s`?]+)", section("Controls")))
    routes = [route for route in Sandbox().app.routes if isinstance(route, Route)]
    there = {
        (method, route.path.removeprefix("/_sandbox"))
        for route in routes
        if route.path.startswith("/_sandbox/") and "rest" not in route.path
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert listed == there


def test_the_faults() -> None:
    keys = re.findall(r"^\| ([^|]+) \|", section("Faults"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(keys))) == set(_READERS)


def test_what_it_names() -> None:
    assert OLDEST in section("Webhooks in older API versions")
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert "sandbox-speed" in path or (HOME / path).exists(), path
    for path in re.findall(r"`((?:\w+/)+\w+\.py)`", README):
        assert (HOME / path).exists(), path
