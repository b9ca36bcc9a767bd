"""Fills a database with two years of a shop's business. PostgreSQL itself makes the rows.

Every five subscriptions have an account, a customer and an API key. In `FILL`, $1 is the number of subscriptions, and
`made(kind, n)` is the n-th id of its kind; they sort by n, as UUIDv7 sort by time. Account 1 holds 1,000 licenses more.
"""

from collections.abc import Callable
from hashlib import sha256

from licet.db.connection import Connection
from licet.db.keyring import Keyring
from licet.licenses.keys import key_hash, new_key

ACCOUNT_KEY = "lic_test_" + "a" * 40
"""Of an account like any other."""
HEAVY_KEY = "lic_test_" + "h" * 40
"""Of the account with 1,000 licenses more."""
OPERATOR_KEY = "lic_test_" + "o" * 40
HEAVY = 1_000

_PREPARE = """
    CREATE FUNCTION made(kind integer, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT ('0190' || lpad(to_hex(n), 8, '0') || '7' || lpad(to_hex(kind), 3, '0')
            || '8000' || lpad(to_hex(n), 12, '0'))::uuid
    $$;
    -- The n-th of `total` moments of two years.
    CREATE FUNCTION moment(n bigint, total bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
        SELECT timestamptz '2025-01-01Z' + interval '730 days' * n / total
    $$;
    -- What befalls the n-th of `total` subscriptions: not the same to all of one account.
    CREATE FUNCTION luck(n bigint, total bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
        SELECT n + n * 5 / total
    $$;
    CREATE TABLE keys_to_come (n bigint, hash bytea, encrypted bytea);
"""

FILL: dict[str, str] = {
    "products": """
        INSERT INTO products (id, catalog_key, stripe_product_id, kind, name, active, features, license_policy,
                              position)
        SELECT made(1, n), 'product-' || n, 'prod_' || n, 'license', 'Product ' || n, true, '["Updates", "Support"]',
               '{"prefix": "SHOP", "activations": 3}', n
        FROM generate_series(1, 20) AS n WHERE $1 > 0""",
    "prices": """
        INSERT INTO prices (stripe_price_id, stripe_product_id, active, currency, unit_amount, interval, interval_count,
                            position)
        SELECT 'price_' || n || '_' || kind, 'prod_' || n, true, 'usd', 14900,
               CASE kind WHEN 0 THEN 'month' END, CASE kind WHEN 0 THEN 1 END, kind
        FROM generate_series(1, 20) AS n, generate_series(0, 1) AS kind WHERE $1 > 0""",
    "accounts": """
        INSERT INTO accounts (id, kind, name, email, external_id, stripe_customer_id, created_at)
        SELECT made(2, n), CASE WHEN n % 20 = 0 THEN 'organization' ELSE 'user' END, 'Account ' || n,
               'account' || n || '@example.com', 'customer-' || n, 'cus_' || n, moment(n, $1 / 5)
        FROM generate_series(1, $1 / 5) AS n""",
    "customers": """
        INSERT INTO customers (stripe_customer_id, account_id, email, name, stripe_default_payment_method_id)
        SELECT 'cus_' || n, made(2, n), 'account' || n || '@example.com', 'Account ' || n, 'pm_' || n
        FROM generate_series(1, $1 / 5) AS n""",
    "API keys": """
        INSERT INTO api_keys (id, account_id, name, scopes, key_hash, created_at)
        SELECT made(3, n), made(2, n), 'key', '{read,write}', sha256(convert_to('key ' || n, 'UTF8')), moment(n, $1 / 5)
        FROM generate_series(1, $1 / 5) AS n""",
    "payment methods": """
        INSERT INTO payment_methods (stripe_payment_method_id, account_id, stripe_customer_id, type, brand, last4,
                                     exp_month, exp_year, created_at)
        SELECT 'pm_' || n, made(2, 1 + n % ($1 / 5)), 'cus_' || 1 + n % ($1 / 5), 'card', 'visa', '4242', 12, 2030,
               moment(n, $1 / 3)
        FROM generate_series(1, $1 / 3) AS n""",
    "subscriptions": """
        INSERT INTO subscriptions (stripe_subscription_id, account_id, stripe_customer_id, status, cancel_at_period_end,
                                   stripe_latest_invoice_id, created_at)
        SELECT 'sub_' || n, made(2, 1 + n % ($1 / 5)), 'cus_' || 1 + n % ($1 / 5),
               CASE WHEN luck(n, $1) % 10 = 0 THEN 'canceled' WHEN luck(n, $1) % 50 = 1 THEN 'past_due'
                    WHEN luck(n, $1) % 50 = 2 THEN 'trialing' WHEN luck(n, $1) % 1000 = 3 THEN 'unpaid'
                    ELSE 'active' END,
               luck(n, $1) % 40 = 5, 'in_' || n || '_6', moment(n, $1)
        FROM generate_series(1, $1) AS n""",
    "subscription items": """
        INSERT INTO subscription_items (stripe_subscription_item_id, stripe_subscription_id, position, stripe_price_id,
                                        stripe_product_id, quantity, unit_amount, currency, interval, interval_count,
                                        current_period_start_at, current_period_end_at)
        SELECT 'si_' || n || '_' || item, 'sub_' || n, item, 'price_' || 1 + n % 20 || '_0', 'prod_' || 1 + n % 20, 1,
               14900, 'usd', 'month', 1, timestamptz '2026-12-20Z', timestamptz '2027-01-20Z'
        FROM generate_series(1, $1) AS n, generate_series(0, CASE WHEN n % 5 = 0 THEN 1 ELSE 0 END) AS item""",
    "sessions": """
        INSERT INTO checkout_sessions (stripe_session_id, account_id, order_id, made_here, mode, status, payment_status,
                                       stripe_customer_id, stripe_payment_intent_id, stripe_subscription_id,
                                       amount_total, currency, lines_known, created_at, expires_at)
        SELECT 'cs_' || n, made(2, 1 + n % ($1 / 5)), made(4, n), true,
               CASE WHEN n <= $1 THEN 'subscription' ELSE 'payment' END, 'complete', 'paid',
               'cus_' || 1 + n % ($1 / 5), 'pi_' || n || '_1', CASE WHEN n <= $1 THEN 'sub_' || n END, 14900, 'usd',
               true, moment(n, $1 * 6 / 5), moment(n, $1 * 6 / 5) + interval '1 day'
        FROM generate_series(1, $1 * 6 / 5) AS n""",
    "sessions of the heavy account": """
        INSERT INTO checkout_sessions (stripe_session_id, account_id, order_id, made_here, mode, status, payment_status,
                                       amount_total, currency, lines_known, created_at, expires_at)
        SELECT 'cs_heavy_' || n, made(2, 1), made(5, n), true, 'payment', 'complete', 'paid', 1490000, 'usd', true,
               moment(n, 10), moment(n, 10) + interval '1 day'
        FROM generate_series(1, 10) AS n WHERE $1 > 0""",
    "lines": """
        INSERT INTO checkout_lines (stripe_session_id, position, stripe_price_id, stripe_product_id, quantity,
                                    unit_amount, currency)
        SELECT stripe_session_id, 0, 'price_1_1', 'prod_1', amount_total / 14900, 14900, 'usd'
        FROM checkout_sessions WHERE $1 > 0""",
    "orders": """
        INSERT INTO orders (id, account_id, stripe_session_id, status, amount_refunded, created_at)
        SELECT order_id, account_id, stripe_session_id,
               CASE WHEN random() < 0.02 THEN 'refunded' WHEN random() < 0.08 THEN 'cancelled' ELSE 'paid' END, 0,
               created_at
        FROM checkout_sessions WHERE $1 > 0 ORDER BY created_at""",
    "invoices": """
        INSERT INTO invoices (stripe_invoice_id, account_id, stripe_customer_id, stripe_subscription_id, number, status,
                              currency, total, amount_due, amount_paid, attempt_count, hosted_invoice_url, invoice_pdf,
                              created_at, period_start_at, period_end_at, paid_at, next_payment_attempt_at)
        SELECT 'in_' || n || '_' || nth, made(2, 1 + n % ($1 / 5)), 'cus_' || 1 + n % ($1 / 5), 'sub_' || n,
               'A' || n || '-' || nth, CASE WHEN failing THEN 'open' ELSE 'paid' END, 'usd', 14900, 14900,
               CASE WHEN failing THEN 0 ELSE 14900 END, 1,
               'https://invoice.stripe.com/i/acct_1/test_' || n || nth, 'https://pay.stripe.com/invoice/' || n || nth,
               at, at, at + interval '1 month', CASE WHEN NOT failing THEN at END,
               CASE WHEN failing THEN at + interval '3 days' END
        FROM generate_series(1, 6) AS nth, generate_series(1, $1) AS n,
             LATERAL (SELECT timestamptz '2026-01-01Z' + interval '60 days' * nth + interval '30 days' * n / $1 AS at,
                             nth = 6 AND luck(n, $1) % 50 = 1 AS failing)""",
    "lines of invoices": """
        INSERT INTO invoice_lines (stripe_invoice_id, position, stripe_invoice_line_id, stripe_subscription_id,
                                   stripe_price_id, stripe_product_id, description, quantity, amount, currency,
                                   proration, period_start_at, period_end_at)
        SELECT stripe_invoice_id, 0, 'il' || stripe_invoice_id, stripe_subscription_id, 'price_1_0', 'prod_1',
               '1 x Product 1 (at $149.00 / month)', 1, 14900, 'usd', false, period_start_at, period_end_at
        FROM invoices WHERE $1 > 0""",
    "payments of invoices": """
        INSERT INTO invoice_payments (stripe_invoice_payment_id, stripe_invoice_id, stripe_payment_intent_id,
                                      stripe_charge_id, status, amount_paid, currency)
        SELECT 'inpay' || stripe_invoice_id, stripe_invoice_id, 'pi' || stripe_invoice_id, 'ch' || stripe_invoice_id,
               'paid', amount_paid, 'usd'
        FROM invoices WHERE status = 'paid' AND $1 > 0""",
    "refunds": """
        INSERT INTO refunds (stripe_refund_id, stripe_charge_id, stripe_payment_intent_id, amount, currency, status,
                             created_at)
        SELECT 're_' || n, 'chin_' || n * 50 || '_2', 'piin_' || n * 50 || '_2', 4900, 'usd', 'succeeded', moment(n, $1)
        FROM generate_series(1, $1 / 50) AS n""",
    "licenses": """
        INSERT INTO licenses (id, account_id, product_id, order_id, stripe_session_id, line_position,
                              stripe_subscription_id, unit_group, unit, key_hash, key_encrypted, activations_limit,
                              status, reason, expires_at, valid_until, then_status, created_at)
        SELECT made(6, n), session.account_id, made(1, 1 + n % 20), session.order_id,
               CASE WHEN n > $1 THEN session.stripe_session_id END, CASE WHEN n > $1 THEN 0 END,
               session.stripe_subscription_id, CASE WHEN n <= $1 THEN 'product' END, n, key.hash, key.encrypted, 3,
               CASE WHEN luck(n, $1) % 10 = 0 THEN 'revoked' WHEN luck(n, $1) % 200 = 1 THEN 'suspended'
                    ELSE 'active' END, 'made',
               CASE WHEN n <= $1 THEN timestamptz '2027-01-20Z' END,
               CASE WHEN n <= $1 AND luck(n, $1) % 10 <> 0 THEN timestamptz '2027-01-23Z' END,
               CASE WHEN n <= $1 AND luck(n, $1) % 10 <> 0 THEN 'expired' END, session.created_at
        FROM keys_to_come AS key
        JOIN checkout_sessions AS session
            ON session.stripe_session_id
                = CASE WHEN n <= $1 * 6 / 5 THEN 'cs_' || n ELSE 'cs_heavy_' || 1 + n % 10 END
        ORDER BY session.created_at""",
    "activations": """
        INSERT INTO activations (license_id, domain, activated_at)
        SELECT id, 'shop' || n || '.example.com', created_at
        FROM licenses, generate_series(1, 1 + unit % 2) AS n WHERE $1 > 0""",
    "timelines": """
        INSERT INTO license_timeline (id, license_id, account_id, at, change, from_value, to_value, because)
        SELECT made(7, 3 * row_number() OVER (ORDER BY created_at, id) + n), id, account_id,
               created_at + interval '30 days' * n, 'expiresAt', NULL, NULL,
               jsonb_build_object('kind', 'stripe_event', 'id', 'evt_' || unit, 'reason', 'paid')
        FROM licenses, generate_series(0, 2) AS n WHERE $1 > 0""",
    "mirrors": """
        INSERT INTO mirrors (stripe_id, kind, account_id, as_of, rank, was_read, object)
        SELECT 'sub_' || n, 'subscription', made(2, 1 + n % ($1 / 5)), moment(n, $1), 1, false,
               jsonb_build_object('id', 'sub_' || n, 'pause_collection', NULL, 'discounts', '[]'::jsonb,
                                  'metadata', repeat('what else Stripe tells of it ', 30))
        FROM generate_series(1, $1) AS n
        UNION ALL
        SELECT 'cus_' || n, 'customer', made(2, n), moment(n, $1), 1, false,
               jsonb_build_object('id', 'cus_' || n, 'balance', 0, 'metadata', repeat('and of a customer ', 20))
        FROM generate_series(1, $1 / 5) AS n
        UNION ALL
        SELECT stripe_invoice_id, 'invoice', account_id, created_at, 1, false, '{}' FROM invoices""",
    "events": """
        INSERT INTO events (stripe_event_id, type, stripe_object_id, account_id, created_at, received_at, outcome,
                            payload)
        SELECT 'evt_' || n, CASE WHEN n % 100 = 1 THEN 'charge.refunded' ELSE
                   (ARRAY['invoice.paid', 'invoice.created', 'customer.subscription.updated', 'invoice_payment.paid']
                   )[1 + n % 4] END, 'in_' || n,
               made(2, 1 + n % ($1 / 5)), moment(n, $1 * 5), moment(n, $1 * 5),
               CASE WHEN n % 5000 = 1 THEN 'waiting' WHEN n % 20 = 2 THEN 'stale' ELSE 'applied' END,
               jsonb_build_object('data', repeat('what Stripe sent ', 30))
        FROM generate_series(1, $1 * 5) AS n""",
    "e-mails": """
        INSERT INTO emails (id, account_id, template, fact, to_address, subject, about, status, created_at, sent_at)
        SELECT made(8, n), made(2, 1 + n % ($1 / 5)),
               CASE WHEN n % 100 = 1 THEN 'refund' WHEN n % 4 = 0 THEN 'welcome' ELSE 'receipt' END, n::text,
               'account' || 1 + n % ($1 / 5) || '@example.com', 'Your receipt', '{"invoice": "in_1"}', 'sent',
               moment(n, $1 * 3), moment(n, $1 * 3)
        FROM generate_series(1, $1 * 3) AS n""",
    "second plans": """
        INSERT INTO second_plans (stripe_subscription_id, kept_subscription_id, found_at)
        SELECT 'sub_' || n * 50, 'sub_' || n * 50 - 1, moment(n, $1) FROM generate_series(1, $1 / 50) AS n""",
    "webhook endpoints": """
        INSERT INTO webhook_endpoints (id, url, events, secret_encrypted, created_at)
        SELECT made(9, n), 'https://hooks.example.com/' || n,
               CASE n WHEN 1 THEN '{*}' ELSE '{license.issued}' END::text[], '', moment(n, 3)
        FROM generate_series(1, 3) AS n WHERE $1 > 0""",
    "outgoing events": """
        INSERT INTO outgoing_events (id, event, fact, account_id, about, created_at)
        SELECT made(10, row_number() OVER (ORDER BY at, event, fact)), event, fact, account_id, about, at
        FROM (
            SELECT 'invoice.paid' AS event, stripe_invoice_id AS fact, account_id,
                   jsonb_build_object('invoiceId', stripe_invoice_id) AS about, created_at AS at
            FROM invoices WHERE status = 'paid'
            UNION ALL
            SELECT 'payment.failed', stripe_invoice_id || ':1', account_id,
                   jsonb_build_object('invoiceId', stripe_invoice_id, 'attempt', 1), created_at
            FROM invoices WHERE status = 'open'
            UNION ALL
            SELECT 'payment.failed', stripe_session_id, account_id, jsonb_build_object('sessionId', stripe_session_id),
                   created_at
            FROM checkout_sessions WHERE stripe_session_id LIKE '%7'
            UNION ALL
            SELECT 'checkout.completed', id::text, account_id, jsonb_build_object('orderId', id), created_at FROM orders
            UNION ALL
            SELECT 'subscription.updated', stripe_subscription_id || ':1', account_id,
                   jsonb_build_object('subscriptionId', stripe_subscription_id), created_at
            FROM subscriptions
            UNION ALL
            SELECT 'subscription.undone', stripe_subscription_id, account_id,
                   jsonb_build_object('subscriptionId', stripe_subscription_id), created_at
            FROM second_plans JOIN subscriptions USING (stripe_subscription_id)
            UNION ALL
            SELECT 'charge.refunded', stripe_refund_id, NULL, jsonb_build_object('refundId', stripe_refund_id),
                   created_at
            FROM refunds
            UNION ALL
            SELECT 'license.issued', id::text, account_id, jsonb_build_object('licenseId', license_id, 'lineId', id), at
            FROM license_timeline WHERE id::text LIKE '%0'
        ) AS happened WHERE $1 > 0""",
    "deliveries": """
        INSERT INTO deliveries (id, endpoint_id, event_id, account_id, status, attempts, created_at, due_at,
                                delivered_at, response_status, error)
        SELECT made(10 + place, n), made(9, place), id, account_id, status, 1, created_at,
               CASE status WHEN 'pending' THEN created_at + interval '30 seconds' END,
               CASE status WHEN 'delivered' THEN created_at END, CASE status WHEN 'delivered' THEN 200 ELSE 500 END,
               CASE status WHEN 'delivered' THEN NULL ELSE 'it answered 500' END
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM outgoing_events) AS happened,
             generate_series(1, 3) AS place,
             LATERAL (SELECT CASE WHEN n % 500 = 1 THEN 'failed' WHEN n % 1000 = 2 THEN 'pending' ELSE 'delivered' END
                      AS status) AS outcome
        WHERE (place = 1 OR event = 'license.issued') AND $1 > 0""",
}
"""What is filled, and how, in this order."""


async def fill(conn: Connection, keyring: Keyring, subscriptions: int, tell: Callable[[str], None]) -> None:
    """subscriptions: at least 100, a multiple of 5."""
    await conn.execute(_PREPARE)
    tell("keys")
    keys = (new_key("SHOP") for _ in range(subscriptions * 6 // 5 + HEAVY))
    records = [(n, key_hash(key), keyring.encrypt(key)) for n, key in enumerate(keys, 1)]
    await conn.copy_records_to_table("keys_to_come", records=records)
    for what, statement in FILL.items():
        tell(what)
        await conn.execute(statement.replace("$1", f"{subscriptions}::bigint"))
    for key, n in ((ACCOUNT_KEY, subscriptions // 10), (HEAVY_KEY, 1)):
        await conn.execute("UPDATE api_keys SET key_hash = $1 WHERE id = made(3, $2)", _hash(key), n)
    await conn.execute(
        """
        INSERT INTO api_keys (id, name, scopes, key_hash, created_at)
        VALUES (made(3, 0), 'operator', '{admin}', $1, moment(1, 2))
        """,
        _hash(OPERATOR_KEY),
    )
    tell("statistics")
    await conn.execute("DROP TABLE keys_to_come")
    await conn.execute("VACUUM ANALYZE")


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()
