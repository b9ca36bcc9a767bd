"""docs/errors.md says of every code what to do about it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = re.compile(r'\bcode(?:: str)? ?= ?"([a-z_]+)"|error_answer\(\s*\d+,\s*"([a-z_]+)"|\d{3}: \("([a-z_]+)"')


def test_every_code_is_explained_and_no_other() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    explained = {code: int(status) for code, status in re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", page, re.MULTILINE)}
    used = {
        next(filter(None, found))
        for path in (ROOT / "src" / "licet").rglob("*.py")
        # Its examples name codes that come with later routes.
        if path.name != "openapi.py"
        for found in CODE.findall(path.read_text())
    }
    assert used == set(explained)
