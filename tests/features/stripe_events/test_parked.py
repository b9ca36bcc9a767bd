"""What the version before kept without acting on it is tried by the one that can."""

import json

from tests.support.telling import event, example, listening

from licet.db.migrate import migrate_database
from licet.db.migrations.run import upgrade
from licet.db.pool import open_pool
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
        context = listening(pool)
        (retry,) = [job for job in stripe_event_jobs(context) if job.entrypoint == "retry_event"]
        assert retry.due is not None
        due = await retry.due(context.now())
        assert len(due) == 3
        for event_id in due:
            await retry.run(event_id)
        rows = await pool.fetch("SELECT type, outcome, error FROM events ORDER BY type")
        assert [tuple(row) for row in rows] == [
            ("charge.dispute.created", "applied", None),
            ("checkout.session.completed", "parked", None),
            ("payment_method.attached", "applied", None),
            ("subscription_schedule.created", "applied", None),
        ]
        for table in ("payment_methods", "subscription_schedules", "disputes"):
            assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 1
    finally:
        await pool.close()
