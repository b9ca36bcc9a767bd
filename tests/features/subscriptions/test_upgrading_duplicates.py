"""A database from before duplicate plans were undone line by line: what was sold before is never undone."""

import asyncpg

from licet.db.migrate import migrate_database
from licet.db.migrations.run import upgrade

ADA = "00000000-0000-0000-0000-000000000001"
STATUSES = ("active", "trialing", "past_due", "unpaid", "paused", "canceled", "incomplete_expired", "incomplete")
SOLD = f"""
    INSERT INTO accounts (id, kind, created_at) VALUES ('{ADA}', 'user', now());
    INSERT INTO subscriptions (stripe_subscription_id, account_id, stripe_customer_id, status, cancel_at_period_end,
                               created_at, compared)
    SELECT 'sub_' || status, '{ADA}', 'cus_1', status, false, now(), false
    FROM unnest($1::text[]) AS status;
"""


async def test_what_is_more_than_incomplete_counts_as_compared(empty_database: str) -> None:
    await upgrade(empty_database, "0016_paused")
    conn = await asyncpg.connect(empty_database)
    try:
        for statement in SOLD.split(";")[:-1]:
            await conn.execute(statement, *([STATUSES] if "$1" in statement else []))
        await migrate_database(empty_database)
        rows = await conn.fetch("SELECT status FROM subscriptions WHERE NOT compared")
        assert [row["status"] for row in rows] == ["incomplete"]
    finally:
        await conn.close()
