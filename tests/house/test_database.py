"""The database under every test: migrated, in UTC, json as Python values, one for each test."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from licet.db.migrate import head, known_revisions, migrate_database, schema_is_current
from licet.db.migrations import run
from licet.db.pool import Pool
from licet.startup_error import StartupError


async def test_it_is_migrated_and_migrating_again_does_nothing(database: str, pool: Pool) -> None:
    async with pool.acquire() as connection:
        assert await schema_is_current(connection)
    assert await migrate_database(database) is False


async def test_json_columns_are_python_values(pool: Pool) -> None:
    value = {"a": [1, "ü", None]}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT $1::json", value) == value


async def test_times_are_utc_and_text_is_unicode(pool: Pool) -> None:
    assert await pool.fetchval("SELECT now()::timestamptz::text LIKE '%+00'")
    assert await pool.fetchval("SELECT upper('ü')") == "Ü"


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_its_own(pool: Pool, turn: int) -> None:
    await pool.execute("CREATE TABLE only_mine (turn int)")


async def test_a_database_of_a_newer_version_is_refused(database: str, pool: Pool) -> None:
    await pool.execute("UPDATE alembic_version SET version_num = '9999_future'")
    with pytest.raises(StartupError, match="newer version"):
        await migrate_database(database)


async def test_many_nodes_migrate_at_once(empty_database: str) -> None:
    done = await asyncio.gather(*(migrate_database(empty_database) for _ in range(3)))
    assert sorted(done) == [False, False, True]
    connection = await asyncpg.connect(empty_database)
    assert await schema_is_current(connection)
    await connection.close()


def test_revisions_are_in_one_line_and_fit_alembics_column() -> None:
    names = known_revisions()
    assert head() == names[-1]
    assert [name[:4] for name in names] == [f"{n:04d}" for n in range(1, len(names) + 1)]
    assert all(len(name) <= 32 for name in names)


async def test_a_migration_that_fails_leaves_nothing(
    database: str, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(run.__file__).parent, tmp_path / "migrations")
    versions = tmp_path / "migrations" / "versions"
    last = versions / f"{head()}.py"
    versions.joinpath("9999_bad.py").write_text(
        last.read_text()
        .replace(f'revision = "{head()}"', 'revision = "9999_bad"', 1)
        .replace(f'down_revision = "{known_revisions()[-2]}"', f'down_revision = "{head()}"')
    )
    versions.joinpath("9999_bad.sql").write_text("CREATE TABLE left_behind (n int);\nSELECT 1/0;\n")
    monkeypatch.setattr(run, "__file__", str(tmp_path / "migrations" / "run.py"))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await run.upgrade(database, "9999_bad")
    assert await pool.fetchval("SELECT to_regclass('left_behind')") is None
    assert await pool.fetchval("SELECT version_num FROM alembic_version") == head()
