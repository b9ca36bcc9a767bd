"""Work that is due: it is done by a job, and postponed where the job fails."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from licet.db.pool import Pool
from licet.errors import LicetError, StripeUnavailable
from licet.kit.cause import Cause
from licet.kit.retry import Retry
from licet.queue import refresh_store
from licet.queue.due import due_job
from licet.queue.refresh_store import REFRESHES, Refresh, request
from licet.queue.store import DueTable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = Retry(seconds=(5, 60))

PLAIN = DueTable("plain_work", key=("id",), attempts=False)
COUNTED = DueTable("counted_work", key=("kind", "id"), error=True, request="requested")


@pytest_asyncio.fixture
async def tables(pool: Pool) -> AsyncIterator[Pool]:
    await pool.execute("CREATE TABLE plain_work (id text PRIMARY KEY, due_at timestamptz)")
    await pool.execute(
        """
        CREATE TABLE counted_work (kind text, id text, due_at timestamptz, attempts integer NOT NULL DEFAULT 0,
                                   error text, requested bigint NOT NULL DEFAULT 1, PRIMARY KEY (kind, id))
        """
    )
    yield pool


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 5), (1, 60), (2, 60), (99, 60)])
def test_the_last_wait_repeats(attempts: int, seconds: int) -> None:
    assert RETRY.wait(attempts) == timedelta(seconds=seconds)
    assert RETRY.again_at(NOW, attempts) == NOW + timedelta(seconds=seconds)


def test_a_finite_schedule_ends_after_its_last_wait() -> None:
    finite = Retry(seconds=(5, 60), repeats=False)
    assert [finite.wait(failures) for failures in range(4)] == [*finite.waits, None, None]
    assert [finite.again_at(NOW, failures) for failures in (1, 2)] == [NOW + timedelta(seconds=60), None]


async def test_it_is_listed_once_it_is_due_the_longest_due_first(tables: Pool) -> None:
    rows = [("late", 0), ("later", 1), ("future", 2), ("done", None)]
    for id_, minutes in rows:
        due_at = None if minutes is None else NOW + timedelta(minutes=minutes)
        await tables.execute("INSERT INTO plain_work VALUES ($1, $2)", id_, due_at)
    assert await PLAIN.list_due(tables, NOW - timedelta(seconds=1)) == []
    assert await PLAIN.list_due(tables, NOW + timedelta(minutes=1)) == ["late", "later"]


async def test_a_request_that_is_made_again_is_another_job(tables: Pool) -> None:
    await tables.execute("INSERT INTO counted_work (kind, id, due_at) VALUES ('a', 'b', $1)", NOW)
    assert await COUNTED.list_due(tables, NOW) == ["a|b|1"]
    await tables.execute("UPDATE counted_work SET requested = 2")
    assert await COUNTED.list_due(tables, NOW) == ["a|b|2"]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (StripeUnavailable("Try later. sk_test_12345678901"), "stripe_unavailable: Try later. sk_test_[redacted]"),
        (ValueError("a secret"), "ValueError"),
    ],
)
async def test_what_fails_is_due_again_later_and_later(tables: Pool, error: Exception, kept: str) -> None:
    async def run(key: str) -> None:
        assert key == "a|b|1"
        raise error

    await tables.execute("INSERT INTO counted_work (kind, id, due_at) VALUES ('a', 'b', $1), ('a', 'c', $1)", NOW)
    job = due_job("work", COUNTED, run, RETRY, pool=tables, now=lambda: NOW)
    for seconds in (5, 60, 60):
        await job.run("a|b|1")
        due_at = await tables.fetchval("SELECT due_at FROM counted_work WHERE id = 'b'")
        assert due_at == NOW + timedelta(seconds=seconds)
    row = await tables.fetchrow("SELECT attempts, error FROM counted_work WHERE id = 'b'")
    assert row is not None
    assert (row["attempts"], row["error"]) == (3, kept)
    # Others are left alone.
    assert job.due is not None
    assert await job.due(NOW) == ["a|c|1"]


async def test_where_nothing_counts_the_tries_each_wait_is_the_first(tables: Pool) -> None:
    async def run(_: str) -> None:
        raise LicetError("No.")

    await tables.execute("INSERT INTO plain_work VALUES ('a', $1)", NOW)
    job = due_job("work", PLAIN, run, RETRY, pool=tables, now=lambda: NOW)
    for _ in range(2):
        await job.run("a")
        assert await tables.fetchval("SELECT due_at FROM plain_work") == NOW + timedelta(seconds=5)


async def test_after_the_last_try_it_is_not_due_any_more(tables: Pool) -> None:
    async def run(_: str) -> None:
        raise LicetError("No.")

    await tables.execute("INSERT INTO counted_work (kind, id, due_at) VALUES ('a', 'b', $1)", NOW)
    job = due_job("work", COUNTED, run, Retry(seconds=(5,), repeats=False), pool=tables, now=lambda: NOW)
    for due_at in (NOW + timedelta(seconds=5), None):
        await job.run("a|b|1")
        assert await tables.fetchval("SELECT due_at FROM counted_work") == due_at


async def test_a_table_may_name_its_due_column_otherwise(tables: Pool) -> None:
    renamed = DueTable("renamed_work", key=("id",), due="retry_at", attempts=False)
    await tables.execute("CREATE TABLE renamed_work (id text PRIMARY KEY, retry_at timestamptz)")
    await tables.execute("INSERT INTO renamed_work VALUES ('late', $1), ('done', NULL)", NOW)
    assert await renamed.list_due(tables, NOW) == ["late"]
    await renamed.postpone(tables, "late", NOW + timedelta(seconds=5))
    assert await renamed.list_due(tables, NOW) == []


async def test_what_succeeds_is_left_to_its_run(tables: Pool) -> None:
    async def run(key: str) -> None:
        await tables.execute("DELETE FROM plain_work WHERE id = $1", key)

    await tables.execute("INSERT INTO plain_work VALUES ('a', $1)", NOW)
    await due_job("work", PLAIN, run, RETRY, pool=tables, now=lambda: NOW).run("a")
    assert await tables.fetchval("SELECT count(*) FROM plain_work") == 0


async def test_a_refresh_that_is_requested_while_it_is_answered_stays(pool: Pool) -> None:
    refresh, cause = Refresh("refund", "re_1"), Cause("stripe_event", "evt_1")
    async with pool.acquire() as conn:
        await request(conn, refresh, cause, NOW)
        first = await refresh_store.find_requested(conn, refresh)
        assert first is not None
        (key,) = await REFRESHES.list_due(conn, NOW)
        assert refresh_store.parse_key(key) == refresh
        await request(conn, refresh, cause, NOW)
        await refresh_store.delete_answered(conn, first)
        assert await REFRESHES.list_due(conn, NOW) == ["refund|re_1|2"]
        await REFRESHES.postpone(conn, key, NOW + timedelta(seconds=5), "No.")
        assert await REFRESHES.list_due(conn, NOW) == []
        assert await REFRESHES.count_attempts(conn, key) == 1
        again = await refresh_store.find_requested(conn, refresh)
        assert again is not None
        await refresh_store.delete_answered(conn, again)
        assert await refresh_store.find_requested(conn, refresh) is None


@pytest.mark.parametrize("text", ["a\x00b", "a \ud800 b", "a\x1b[2Jb\r\nc", "x\x00" * 5000])
async def test_an_error_of_others_is_stored_without_what_cannot_be(tables: Pool, text: str) -> None:
    async def fails(_: str) -> None:
        raise StripeUnavailable(text)

    await tables.execute("INSERT INTO counted_work (kind, id, due_at) VALUES ('a', 'b', $1)", NOW)
    await due_job("work", COUNTED, fails, RETRY, pool=tables, now=lambda: NOW).run("a|b|1")
    ((attempts, error),) = await tables.fetch("SELECT attempts, error FROM counted_work")
    assert attempts == 1
    assert error.startswith("stripe_unavailable: ")
    assert error.isprintable()
    assert len(error) <= 500
