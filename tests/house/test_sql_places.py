"""SQL is written in a feature's `store.py` and `mirror.py`, or in a file whose name ends so; in `licet.db` too."""

import ast
import re
from pathlib import Path

import pytest

LICET = Path(__file__).parents[2] / "src" / "licet"

_SQL = re.compile(
    r"\s*(WITH\s+\w+\s+AS\b|SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s|ALTER\s|DROP\s|LISTEN\s)"
)
_PLACES = re.compile(r"(\w+_)?(store|mirror)\.py")


def sql_in(text: str) -> list[int]:
    """The lines on which a string that is SQL begins."""
    strings = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return [node.lineno for node in strings if isinstance(node.value, str) and _SQL.match(node.value)]


def test_sql_is_where_it_is_promised() -> None:
    paths = [path for path in LICET.rglob("*.py") if "db" not in path.relative_to(LICET).parts]
    assert len(paths) > 200
    elsewhere = [path for path in paths if not _PLACES.fullmatch(path.name)]
    assert [f"{path.relative_to(LICET)}:{line}" for path in elsewhere for line in sql_in(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        'x = "SELECT 1"',
        'run("""\n    INSERT INTO a VALUES (1)\n""")',
        'f"DELETE FROM {table}"',
        '"WITH a AS (SELECT 1)"',
    ],
)
def test_the_check_finds(text: str) -> None:
    assert sql_in(text) == [1]


@pytest.mark.parametrize("text", ['"Update your card"', '"""Select a plan from the list."""', '"with a as b"'])
def test_the_check_leaves_alone(text: str) -> None:
    assert sql_in(text) == []
