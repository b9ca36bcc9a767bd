"""docs/errors.md says of every code what to do about it."""

import re
from pathlib import Path

from tests.support.errors_page import documented_codes

SOURCE = Path(__file__).parents[3] / "src" / "licet"
CODE = re.compile(r'\bcode(?:: str)? ?= ?"([a-z_]+)"|error_response\(\s*\d+,\s*"([a-z_]+)"|\d{3}: \("([a-z_]+)"')


def test_every_code_is_explained_and_no_other() -> None:
    used = {next(filter(None, found)) for path in SOURCE.rglob("*.py") for found in CODE.findall(path.read_text())}
    assert used == set(documented_codes())
