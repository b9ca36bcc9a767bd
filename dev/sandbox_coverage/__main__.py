"""Writes `src/licet_sandbox/COVERAGE.md`: which operations of Stripe's document there are, and what they refuse.

python dev/sandbox_coverage            writes it
python dev/sandbox_coverage --check    ends with 1 where it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from asking import refusals

from licet_sandbox.api.table import OPERATIONS
from licet_sandbox.spec.document import API_VERSION, document
from licet_sandbox.validation import Checker

PAGE = Path(__file__).parents[2] / "src" / "licet_sandbox" / "COVERAGE.md"
_HEAD = """\
# What the sandbox covers

Of Stripe's OpenAPI document, version {version}: **{there} of {all} operations**.

Written by `python dev/sandbox_coverage`, which calls each operation and asks for each parameter by itself. What is then
refused as not built stands here, `name=value` where only that value is. A refusal is a 400 that names the parameter:
nothing is accepted and ignored. What only goes together with something else may be refused without standing here.

| operation | there | refused parameters |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    checker = Checker()
    refused = refusals(checker)
    checker.raise_any()
    names = [f"{method.upper()} {path}" for path, methods in document().content["paths"].items() for method in methods]
    head = _HEAD.format(version=API_VERSION, there=len(OPERATIONS), all=len(names))
    return head + "".join(_row(name, refused.get(name, [])) for name in names)


def _row(name: str, refused: list[str]) -> str:
    shown = ", ".join(f"`{one}`" for one in refused)
    return f"| `{name}` | {'yes' if name in OPERATIONS else '**no**'} | {shown} |\n"


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
