"""docs/errors.md as a table."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def explained() -> dict[str, int]:
    """Each code that the page explains, with its status."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)
    return {code: int(status) for code, status in rows}
