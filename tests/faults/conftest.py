"""Where a Licet lives that is killed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="licet-kill-") as directory:
        yield Path(directory)
        # Whatever a failing test has left running.
        subprocess.run(["pkill", "-9", "-f", directory], check=False)
