"""Events that an older version kept without handling them: what a migration makes of them."""

import json

import asyncpg
import pytest
from tests.support.stripe_events import event, example, webhook_context

from licet.db.migrate import migrate_database
from licet.db.migrations.run import upgrade
from licet.db.pool import open_pool
from licet.kit.ids import new_id
from licet.licenses.policy import Policy
from licet.stripe_events.jobs import stripe_event_jobs


async def test_it_is_tried_once_the_schema_is_there(empty_database: str) -> None:
    await upgrade(empty_database, "0002_jobs")
    told = {
        "payment methods are not mirrored yet": event(
            "payment_method.attached", example("payment_method", customer="cus_1")
        ),
        "disputes are not acted on yet": event("charge.dispute.created", example("dispute")),
        "subscription schedules are not mirrored yet": event(
            "subscription_schedule.created", example("subscription_schedule")
        ),
        "waits until the catalogue knows prod_1": event("checkout.session.completed", example("checkout.session")),
    }
    pool = await open_pool(empty_database, max_size=2)
    try:
        for reason, one in told.items():
            await pool.execute(
                """
                INSERT INTO events (stripe_event_id, type, created_at, received_at, outcome, reason, payload)
                VALUES ($1, $2, to_timestamp($3), to_timestamp($3), 'parked', $4, $5)
                """,
                one["id"],
                one["type"],
                one["created"],
                reason,
                json.loads(json.dumps(one)),
            )
        assert await migrate_database(empty_database)
        context = webhook_context(pool)
        (retry,) = [job for job in stripe_event_jobs(context) if job.entrypoint == "retry_event"]
        assert retry.due is not None
        due = await retry.due(context.now())
        assert len(due) == 3
        for event_id in due:
            await retry.run(event_id)
        rows = await pool.fetch("SELECT type, outcome, error FROM events ORDER BY type")
        assert [tuple(row) for row in rows] == [
            ("charge.dispute.created", "applied", None),
            ("checkout.session.completed", "waiting", None),
            ("payment_method.attached", "applied", None),
            ("subscription_schedule.created", "applied", None),
        ]
        for table in ("payment_methods", "subscription_schedules", "disputes"):
            assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 1
    finally:
        await pool.close()


async def test_parked_events_become_waiting_and_stored_defaults_leave_the_policies(empty_database: str) -> None:
    await upgrade(empty_database, "0012_leases")
    every_default = {
        "prefix": "SHOP",
        "activations": 1,
        "units": "each",
        "graceDays": 0,
        "refundFull": "revoke",
        "refundPartial": "nothing",
        "disputeOpen": "suspend",
        "disputeWon": "nothing",
        "disputeLost": "revoke",
        "unpaid": "suspend",
        "paused": "suspend",
        "ended": "revoke",
    }
    policies = {
        "a": every_default,
        "b": {**every_default, "units": "one", "refundFull": "suspend", "unpaid": "nothing", "activations": None},
        "c": None,
    }
    pool = await open_pool(empty_database, max_size=2)
    try:
        for key, policy in policies.items():
            await pool.execute(
                """
                INSERT INTO products (id, catalog_key, stripe_product_id, kind, name, active, features, license_policy)
                VALUES ($1, $2, $3, 'license', $2, true, '{}', $4)
                """,
                new_id(),
                key,
                f"prod_{key}",
                policy,
            )
        await pool.execute(
            """
            INSERT INTO events (stripe_event_id, type, created_at, received_at, outcome, payload)
            VALUES ('evt_1', 'invoice.paid', now(), now(), 'parked', '{}'), ('evt_2', 'a', now(), now(), 'stale', '{}')
            """
        )
        assert await migrate_database(empty_database)
        outcomes = await pool.fetch("SELECT outcome FROM events ORDER BY stripe_event_id")
        assert [row["outcome"] for row in outcomes] == ["waiting", "stale"]
        with pytest.raises(asyncpg.CheckViolationError):
            await pool.execute("UPDATE events SET outcome = 'parked'")
        rows = await pool.fetch("SELECT catalog_key, license_policy FROM products")
        stored = {row["catalog_key"]: row["license_policy"] for row in rows}
        assert stored == {
            "a": {"prefix": "SHOP", "activations": 1, "graceDays": 0},
            "b": {
                "prefix": "SHOP",
                "activations": None,
                "graceDays": 0,
                "units": "one",
                "refundFull": "suspend",
                "unpaid": "nothing",
            },
            "c": None,
        }
        for key in ("a", "b"):
            assert Policy.from_json(stored[key]) == Policy.from_json(policies[key] or {})
    finally:
        await pool.close()
