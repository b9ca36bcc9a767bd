"""A database that lived before webhooks went out: what happened then is no news when it is touched again."""

import asyncpg
import pytest

from licet.db.migrate import migrate_database
from licet.db.migrations.run import upgrade

BEFORE = "0009_reads"

ADA = "00000000-0000-0000-0000-000000000001"
ORDER = "00000000-0000-0000-0000-00000000010"

SOLD = f"""
    INSERT INTO accounts (id, kind, created_at) VALUES ('{ADA}', 'user', now());
    INSERT INTO checkout_sessions (stripe_session_id, account_id, order_id, made_here, mode, status, payment_status,
                                   amount_total, lines_known, created_at, expires_at)
    SELECT 'cs_' || n, '{ADA}', ('{ORDER}' || n)::uuid, true,
           'payment', 'complete', 'paid', 100, n <> 4, now(), now()
    FROM generate_series(1, 4) AS n;
    INSERT INTO orders (id, account_id, stripe_session_id, status, waits_for, created_at) VALUES
        ('{ORDER}1', '{ADA}', 'cs_1', 'paid', '{{}}', now()),
        ('{ORDER}2', '{ADA}', 'cs_2', 'paid', '{{prod_new}}',
         now()),
        ('{ORDER}3', '{ADA}', 'cs_3', 'refunded', '{{}}', now()),
        ('{ORDER}4', '{ADA}', 'cs_4', 'paid', '{{}}', now());
    INSERT INTO invoices (stripe_invoice_id, account_id, status, currency, total, amount_due, amount_paid,
                          attempt_count, created_at, period_start_at, period_end_at)
    VALUES ('in_paid', '{ADA}', 'paid', 'usd', 1, 1, 1, 2, now(), now(), now()),
           ('in_open', '{ADA}', 'open', 'usd', 1, 1, 0, 2, now(), now(), now());
    INSERT INTO emails (id, account_id, template, fact, to_address, subject, about, status, created_at)
    SELECT gen_random_uuid(), '{ADA}', 'payment_failed', fact, 'ada@example.com', 'Failed',
           about::jsonb, 'sent', now()
    FROM (VALUES ('in_paid:1', '{{"invoiceId": "in_paid", "attempt": 1}}'),
                 ('in_open:2', '{{"invoiceId": "in_open", "attempt": 2}}')) AS told (fact, about);
    INSERT INTO refunds (stripe_refund_id, amount, currency, status, created_at)
    VALUES ('re_1', 1, 'usd', 'succeeded', now()), ('re_failed', 1, 'usd', 'failed', now());
    INSERT INTO subscriptions (stripe_subscription_id, account_id, stripe_customer_id, status, cancel_at_period_end,
                               created_at)
    VALUES ('sub_lives', '{ADA}', 'cus_1', 'active', false, now()),
           ('sub_ended', '{ADA}', 'cus_1', 'canceled', false, now());
"""


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Kolkata"])
async def test_what_happened_before_was_told(empty_database: str, timezone: str) -> None:
    await upgrade(empty_database, BEFORE)
    conn = await asyncpg.connect(empty_database)
    try:
        await conn.execute(SOLD)
        name = await conn.fetchval("SELECT current_database()")
        await conn.execute(f"ALTER DATABASE \"{name}\" SET timezone = '{timezone}'")
        await migrate_database(empty_database)
        rows = await conn.fetch("SELECT event, fact FROM outgoing_events ORDER BY event, fact")
        assert [tuple(row) for row in rows] == [
            ("charge.refunded", "re_1"),
            # Not what waits for the catalogue, nor what is not wholly known: that has not happened yet.
            ("checkout.completed", f"{ORDER}1"),
            ("checkout.completed", f"{ORDER}3"),
            ("invoice.paid", "in_paid"),
            ("payment.failed", "in_open:2"),
            ("payment.failed", "in_paid:1"),
            ("subscription.deleted", "sub_ended"),
        ]
        assert await conn.fetchval("SELECT count(*) FROM subscriptions WHERE told_as IS NULL") == 0
        assert await conn.fetchval("SELECT count(*) FROM deliveries") == 0
    finally:
        await conn.close()
