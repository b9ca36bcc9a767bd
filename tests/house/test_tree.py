"""The checkout: what it lists, what it must not hold."""

import os
import re
import subprocess
from pathlib import Path

TREE = Path(__file__).parents[2]


def test_make_lists_every_target_that_is_meant_to_be_called() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "-C", str(TREE)], capture_output=True, text=True, check=True
    )
    for target in ("demo", "up", "test", "lint", "format", "build", "lock"):
        assert re.search(rf"^  make {target} +\w", listed.stdout, re.MULTILINE), target
    assert listed.stderr == ""


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    lock = (TREE / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock
    pins = re.findall(r"^\S+==\S+.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(pins) > 50
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_what_a_build_runs_is_make_test() -> None:
    assert os.access(TREE / ".ci" / "run", os.X_OK)
    assert "make test" in (TREE / ".ci" / "run").read_text()


def test_decisions_are_short() -> None:
    for page in (TREE / "docs" / "decisions").glob("*.md"):
        assert len(page.read_text().splitlines()) < 70, page.name
