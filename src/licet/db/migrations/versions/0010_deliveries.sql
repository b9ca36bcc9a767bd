-- Before the new code is out. Webhooks out: what happened, who is told, and how far each delivery has come.

-- Where the vendor's systems listen. The secret that signs is encrypted; after a rotation the one before signs too.
CREATE TABLE webhook_endpoints (
    id                        uuid PRIMARY KEY,
    url                       text NOT NULL,
    description               text,
    events                    text[] NOT NULL,        -- names, or '*' for all
    secret_encrypted          bytea NOT NULL,
    previous_secret_encrypted bytea,
    previous_secret_until     timestamptz,            -- wall time, as signatures are
    created_at                timestamptz NOT NULL,
    disabled_at               timestamptz,            -- null: it is told
    disabled_because          text CHECK (disabled_because IN ('asked', 'failing', 'gone')),
    failing_since             timestamptz,            -- the first failure after the last success
    unreachable               integer NOT NULL DEFAULT 0,  -- how often in a row nobody answered
    rests_until               timestamptz,            -- until then nobody tries
    CHECK ((disabled_at IS NULL) = (disabled_because IS NULL)),
    CHECK ((previous_secret_encrypted IS NULL) = (previous_secret_until IS NULL))
);
CREATE INDEX webhook_endpoints_listening ON webhook_endpoints USING gin (events) WHERE disabled_at IS NULL;
CREATE INDEX webhook_endpoints_created ON webhook_endpoints (created_at DESC, id);

-- One row per business fact, whether anybody listens or not: so what is learnt again is no news. It holds ids alone.
CREATE TABLE outgoing_events (
    id         uuid PRIMARY KEY,
    event      text NOT NULL,
    fact       text NOT NULL,
    account_id uuid,
    about      jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (event, fact)
);
CREATE INDEX outgoing_events_account ON outgoing_events (account_id);

-- One event on its way to one endpoint. No foreign key leads to the endpoint: its check would lock one row, the same
-- for all that is sold, and a delivery whose endpoint has gone is dropped when its turn comes.
CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    endpoint_id     uuid NOT NULL,
    event_id        uuid NOT NULL,
    account_id      uuid,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    due_at          timestamptz,                      -- null: nothing is left to do
    delivered_at    timestamptz,
    response_status integer,                          -- of the last attempt; null: nobody answered
    error           text,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, created_at DESC, id);
CREATE INDEX deliveries_status ON deliveries (endpoint_id, status, created_at DESC, id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_account ON deliveries (account_id);

-- Grows whenever what we hold of an object really changes, which a read that finds the same does not.
ALTER TABLE mirrors ADD COLUMN changes bigint NOT NULL DEFAULT 1;

-- What a subscription looked like when it was last told of: a change of nothing that is shown is no news.
ALTER TABLE subscriptions ADD COLUMN told_as text;
SET LOCAL timezone = 'UTC';
UPDATE subscriptions SET told_as = md5(row(status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at, (
    SELECT array_agg(row(stripe_price_id, stripe_product_id, quantity, current_period_start_at,
                         current_period_end_at)::text ORDER BY position)
    FROM subscription_items AS item WHERE item.stripe_subscription_id = subscriptions.stripe_subscription_id))::text);

-- What happened before is no news when it is touched again. An order that waits for the catalogue has not happened yet.
INSERT INTO outgoing_events (id, event, fact, account_id, about, created_at)
SELECT gen_random_uuid(), 'checkout.completed', id::text, account_id, jsonb_build_object('orderId', id), created_at
FROM orders AS told
WHERE EXISTS (SELECT 1 FROM emails WHERE template = 'welcome' AND fact = told.id::text)
    OR status IN ('paid', 'partially_refunded', 'refunded', 'cancelled') AND waits_for = '{}'
        AND NOT EXISTS (SELECT 1 FROM checkout_sessions AS session
                        WHERE session.stripe_session_id = told.stripe_session_id AND NOT lines_known)
UNION ALL
SELECT gen_random_uuid(), 'payment.failed', fact, account_id, about, created_at
FROM emails WHERE template = 'payment_failed'
UNION ALL
SELECT gen_random_uuid(), 'invoice.paid', stripe_invoice_id, account_id,
       jsonb_build_object('invoiceId', stripe_invoice_id), coalesce(paid_at, created_at)
FROM invoices WHERE status = 'paid'
UNION ALL
SELECT gen_random_uuid(), 'subscription.deleted', stripe_subscription_id, account_id,
       jsonb_build_object('subscriptionId', stripe_subscription_id), coalesce(ended_at, created_at)
FROM subscriptions WHERE status IN ('canceled', 'incomplete_expired')
UNION ALL
SELECT gen_random_uuid(), 'charge.refunded', stripe_refund_id, NULL,
       jsonb_build_object('refundId', stripe_refund_id), created_at
FROM refunds WHERE status NOT IN ('failed', 'canceled', 'requires_action');
INSERT INTO outgoing_events (id, event, fact, account_id, about, created_at)
SELECT gen_random_uuid(), 'payment.failed', stripe_invoice_id || ':' || attempt_count, account_id,
       jsonb_build_object('invoiceId', stripe_invoice_id, 'attempt', attempt_count), created_at
FROM invoices WHERE status = 'open' AND attempt_count > 0
ON CONFLICT (event, fact) DO NOTHING;
