"""The documents: what they link to and the files that they name are there, and the index names each of them."""

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
PAGES = [
    TREE / "README.md",
    TREE / "CONTRIBUTING.md",
    TREE / "src/licet_sandbox/README.md",
    *(TREE / "docs").rglob("*.md"),
]


def targets(page: Path) -> list[Path]:
    """What a page links to in this tree."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [page.parent / link for link in links if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TREE)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in targets(page) if not target.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TREE)))
def test_files_that_are_named_exist(page: Path) -> None:
    """`src/…`, `tests/…` and the like from the top; `feature/file.py` below one of the two packages."""
    named = re.findall(r"`([\w./-]*\w/[\w./-]+\.(?:py|sql|sh|md|yaml|html))(?::[^`]*)?`", page.read_text())
    roots = (TREE, TREE / "src/licet", TREE / "src/licet_sandbox", page.parent)
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_the_index_names_every_page() -> None:
    index = TREE / "docs" / "README.md"
    linked = {target.resolve() for target in targets(index)}
    pages = {page.resolve() for page in (TREE / "docs").rglob("*.md")} - {
        index.resolve(),
        TREE / "docs/decisions/template.md",
    }
    assert pages - linked == set()
