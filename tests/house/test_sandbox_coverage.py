"""What the sandbox says of itself: which operations it has, and which of their parameters it refuses."""

import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

TREE = Path(__file__).parents[2]


def test_the_table_of_what_is_covered_is_up_to_date() -> None:
    command = [sys.executable, str(TREE / "dev" / "sandbox_coverage"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_operation_is_there() -> None:
    table = (TREE / "src" / "licet_sandbox" / "COVERAGE.md").read_text()
    assert table.count("\n| `") == 128
    assert "**128 of 128 operations**" in table
    assert "**no**" not in table
