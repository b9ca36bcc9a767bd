"""Writes `src/licet_sandbox/COVERAGE.md`: the operations that exist, and what they refuse.

python dev/sandbox_coverage            writes it
python dev/sandbox_coverage --check    ends with 1 where it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from page import page

PAGE = Path(__file__).parents[2] / "src" / "licet_sandbox" / "COVERAGE.md"


def main() -> int:
    """The exit status."""
    written = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() == written:
            return 0
        sys.stderr.write(f"{PAGE.name} is out of date: run python dev/sandbox_coverage.\n")
        return 1
    PAGE.write_text(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
