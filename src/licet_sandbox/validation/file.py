"""Violations in a file, for a sandbox in a process that no test looks into."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from licet_sandbox.validation.checker import violations

# Not one of `LICET_…`: whatever starts a Licet with settings of its own keeps those of whoever runs it from it.
VARIABLE = "SANDBOX_CHECK_FILE"


class CannotCheck(Exception):  # Reads as what happened.
    """There is nothing to check with, or nowhere to write to; says which."""


class FileChecker:
    """Appends each violation to the file as it is found, one line each: whoever is killed has told by then.

    The file is there from the beginning: empty, it says that nothing was wrong. Raises CannotCheck.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("jsonschema_rs") is None:
            raise CannotCheck("checking the traffic needs one more package: pip install jsonschema-rs")
        self._path = path
        try:
            self._append([])
        except OSError as error:
            raise CannotCheck(f"violations cannot be written to {path}: {error.strerror}") from None

    def __call__(self, what: str, name: str, value: Any) -> None:
        """Check one; write down what is wrong."""
        if lines := violations(what, name, value):
            self._append(lines)

    def _append(self, lines: list[str]) -> None:
        with self._path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


def checker_of_environment() -> FileChecker | None:
    """The one that `SANDBOX_CHECK_FILE` asks for."""
    given = os.environ.get(VARIABLE)
    return FileChecker(Path(given)) if given else None
