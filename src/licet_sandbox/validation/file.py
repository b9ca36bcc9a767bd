"""Writes violations to a file, for a sandbox in a process that tests cannot inspect."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from licet_sandbox.validation.checker import violations

# Not named `LICET_…`: programs that start Licet with their own settings remove those variables from its environment.
VARIABLE = "SANDBOX_CHECK_FILE"


class CannotCheck(Exception):  # The name says what happened.
    """Raised if `jsonschema_rs` is not installed, or the file cannot be written."""


class FileChecker:
    """Appends each violation to a file at once, so that none is lost if the process is killed.

    One line each. The file is created at the start; an empty file means no violations. Raises CannotCheck.
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
        """Checks one value and appends its violations."""
        if lines := violations(what, name, value):
            self._append(lines)

    def _append(self, lines: list[str]) -> None:
        with self._path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


def checker_of_environment() -> FileChecker | None:
    """The checker for `SANDBOX_CHECK_FILE`; None if the variable is not set."""
    given = os.environ.get(VARIABLE)
    return FileChecker(Path(given)) if given else None
