"""Reads the table of error codes in docs/errors.md."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def documented_codes() -> dict[str, int]:
    """The documented codes, each with its HTTP status."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)
    return {code: int(status) for code, status in rows}
