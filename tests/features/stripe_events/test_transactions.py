"""One event, one transaction: three tries if PostgreSQL aborts it, and failures are kept redacted."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.factories.catalog import make_product
from tests.features.stripe_events.test_receive import break_products, event
from tests.support.contexts import make_context
from tests.support.stripe_events import event as told
from tests.support.stripe_events import example

from licet.db.locks import lock
from licet.db.pool import Pool
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.times import wall_now
from licet.refulfil.jobs import refulfil_product
from licet.stripe_events import store
from licet.stripe_events.event import read_event
from licet.stripe_events.receive import EventFailed, receive_event, replay_event, retry_event


@pytest.fixture
def context(pool: Pool) -> Context:
    return make_context(pool)


async def abort_products(pool: Pool, *, times: int, errcode: str) -> None:
    """Abort the next transactions that insert a product. A sequence counts them: it is not rolled back."""
    await pool.execute("CREATE SEQUENCE aborted")
    await pool.execute(
        f"""
        CREATE FUNCTION abort_product() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('aborted') <= {times} THEN
                RAISE EXCEPTION 'aborted' USING ERRCODE = '{errcode}';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    await pool.execute("CREATE TRIGGER abort BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION abort_product()")


async def kept(pool: Pool) -> tuple[Any, ...]:
    row = await pool.fetchrow("SELECT outcome, reason, attempts, error, retry_at IS NOT NULL AS later FROM events")
    assert row is not None
    return tuple(row)


ABORTED = "PostgreSQL aborted the transaction 3 times: deadlock or serialization failure"


@pytest.mark.parametrize("errcode", ["deadlock_detected", "serialization_failure"])
async def test_a_transaction_that_postgresql_aborts_twice_is_begun_again(context: Context, errcode: str) -> None:
    await abort_products(context.pool, times=2, errcode=errcode)
    await receive_event(context, event())
    assert await kept(context.pool) == ("applied", None, 1, None, False)
    assert await context.pool.fetchval("SELECT name FROM products") == "Anvil"


@pytest.mark.parametrize("errcode", ["deadlock_detected", "serialization_failure"])
async def test_one_that_is_aborted_three_times_is_kept_as_failed(context: Context, errcode: str) -> None:
    await abort_products(context.pool, times=3, errcode=errcode)
    with pytest.raises(EventFailed):
        await receive_event(context, event())
    assert await kept(context.pool) == ("failed", None, 1, ABORTED, True)
    assert await context.pool.fetchval("SELECT count(*) FROM products") == 0
    # The next delivery finds it failed, and tries it again.
    await receive_event(context, event())
    assert await kept(context.pool) == ("applied", None, 2, None, False)


SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
                   WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted)
    """


async def test_a_change_that_waited_for_a_lock_is_dated_after_the_wait(pool: Pool) -> None:
    before, after = wall_now(), wall_now() + timedelta(hours=1)
    clock = [before]
    context = make_context(pool, now=lambda: clock[0])
    async with pool.acquire() as conn, conn.transaction():
        await lock(conn, ["prod_1"])
        # An unknown version is read: the request for the read shows the time of the change.
        receiving = asyncio.create_task(receive_event(context, event(api_version="2031-01-01.unknown")))
        while not await pool.fetchval(SOMEBODY_WAITS):  # noqa: ASYNC110  # PostgreSQL has no event for it.
            await asyncio.sleep(0.01)
        clock[0] = after
    await receiving
    assert await pool.fetchval("SELECT due_at FROM refreshes") == after


async def test_aborted_attempts_of_a_retry_and_of_a_replay(context: Context) -> None:
    await break_products(context.pool)
    with pytest.raises(EventFailed):
        await receive_event(context, event())
    await context.pool.execute("ALTER TABLE products DROP CONSTRAINT broken")
    await abort_products(context.pool, times=6, errcode="deadlock_detected")
    await retry_event(context, "evt_1")
    assert await kept(context.pool) == ("failed", None, 2, ABORTED, True)
    assert await replay_event(context, "evt_1") == "failed"
    assert await kept(context.pool) == ("failed", None, 3, ABORTED, True)
    assert await replay_event(context, "evt_1") == "applied"
    assert await kept(context.pool) == ("applied", None, 4, None, False)


async def test_the_error_is_kept_in_short_without_secrets_and_without_the_row(context: Context) -> None:
    await context.pool.execute(
        """
        CREATE FUNCTION leak() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'refused for sk_test_51Habcdefgh %', repeat('x', 2000) USING DETAIL = 'the row (Anvil)';
        END $$
        """
    )
    await context.pool.execute("CREATE TRIGGER leak BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION leak()")
    with pytest.raises(EventFailed):
        await receive_event(context, event())
    error = await context.pool.fetchval("SELECT error FROM events")
    assert error.startswith("RaiseError: refused for sk_test_[redacted] xxx")
    assert "Anvil" not in error
    assert len(error) == 1000


async def test_a_failure_does_not_overwrite_what_another_delivery_has_applied(context: Context) -> None:
    await receive_event(context, event())
    async with context.pool.acquire() as conn:
        assert await store.keep_failed(conn, read_event(event()), wall_now(), "late", is_kept=False) is None
    assert await kept(context.pool) == ("applied", None, 1, None, False)
    async with context.pool.acquire() as conn:
        # A retry or a replay knows that the event was kept: its failure is written.
        assert await store.keep_failed(conn, read_event(event()), wall_now(), "late", is_kept=True) == 2
    assert await kept(context.pool) == ("failed", None, 2, "late", False)


async def test_a_retry_of_an_event_that_is_not_failed_does_nothing(context: Context) -> None:
    await receive_event(context, event())
    await retry_event(context, "evt_1")
    assert await kept(context.pool) == ("applied", None, 1, None, False)


async def test_a_replay_applies_an_event_again_and_counts_it(context: Context) -> None:
    await receive_event(context, event())
    await context.pool.execute("UPDATE events SET error = 'old'")
    assert await replay_event(context, "evt_1") == "applied"
    assert await kept(context.pool) == ("applied", None, 2, None, False)


async def test_an_event_of_an_unknown_type_is_ignored_also_when_it_is_replayed(context: Context) -> None:
    await receive_event(context, event("treasury.received_credit.created"))
    expected = "Licet does not handle treasury.received_credit.created"
    assert await kept(context.pool) == ("ignored", expected, 1, None, False)
    assert await replay_event(context, "evt_1") == "ignored"
    assert await kept(context.pool) == ("ignored", expected, 2, None, False)


async def test_an_object_without_an_id_is_ignored(context: Context) -> None:
    await receive_event(context, event(data={"object": {"object": "product", "name": "Anvil"}}))
    assert await kept(context.pool) == ("ignored", "its object has no id", 1, None, False)


async def test_an_ignored_event_that_is_delivered_again_stays_as_it_is(context: Context) -> None:
    for _ in range(2):
        await receive_event(context, event(account="acct_2"))
    assert await kept(context.pool) == ("ignored", "an event of a connected account", 1, None, False)


async def test_a_purchase_waits_for_the_catalogue_and_its_event_says_so(context: Context) -> None:
    product = await make_product(context)
    await context.pool.execute("UPDATE products SET catalog_key = NULL, kind = NULL, active = false")
    subscription = example("subscription", id="sub_1", customer="cus_1", status="active")
    subscription["items"]["data"][0]["price"]["product"] = product.stripe_product_id
    created = told("customer.subscription.created", subscription)
    for _ in range(2):
        await receive_event(context, created)
    reason = f"waits until the catalogue knows {product.stripe_product_id}"
    assert await kept(context.pool) == ("waiting", reason, 1, None, False)
    assert await context.pool.fetchval("SELECT count(*) FROM licenses") == 0

    await context.pool.execute("UPDATE products SET catalog_key = 'tool', kind = 'license', active = true")
    await refulfil_product(context, product.id, Cause("catalog", "tool"))
    assert await kept(context.pool) == ("applied", None, 1, None, False)
    assert await context.pool.fetchval("SELECT count(*) FROM licenses") == 1
