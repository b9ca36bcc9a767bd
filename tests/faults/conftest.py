"""The directory of a Licet that a test kills."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="licet-kill-") as directory:
        yield Path(directory)
        # Processes that a failing test left running.
        subprocess.run(["pkill", "-9", "-f", directory], check=False)
