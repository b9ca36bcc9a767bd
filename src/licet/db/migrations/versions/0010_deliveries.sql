-- Before the new code is out. Outgoing webhooks: events, endpoints and deliveries.

-- The vendor's endpoints. The signing secret is encrypted; after a rotation the previous one signs too.
CREATE TABLE webhook_endpoints (
    id                        uuid PRIMARY KEY,
    url                       text NOT NULL,
    description               text,
    events                    text[] NOT NULL,        -- names, or '*' for all
    secret_encrypted          bytea NOT NULL,
    previous_secret_encrypted bytea,
    previous_secret_until     timestamptz,            -- wall time, as signatures are
    created_at                timestamptz NOT NULL,
    disabled_at               timestamptz,            -- null: it is enabled
    disabled_because          text CHECK (disabled_because IN ('asked', 'failing', 'gone')),
    failing_since             timestamptz,            -- the first failure after the last success
    unreachable               integer NOT NULL DEFAULT 0,  -- failures without a response in a row
    rests_until               timestamptz,            -- no attempt before this time
    CHECK ((disabled_at IS NULL) = (disabled_because IS NULL)),
    CHECK ((previous_secret_encrypted IS NULL) = (previous_secret_until IS NULL))
);
CREATE INDEX webhook_endpoints_listening ON webhook_endpoints USING gin (events) WHERE disabled_at IS NULL;
CREATE INDEX webhook_endpoints_created ON webhook_endpoints (created_at DESC, id);

-- One row for each business fact, with or without an endpoint, so that a repeat sends nothing. It contains only ids.
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

-- One event for one endpoint. There is no foreign key to the endpoint: its check would lock the same row for every
-- purchase. A delivery whose endpoint was deleted is dropped when it is due.
CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    endpoint_id     uuid NOT NULL,
    event_id        uuid NOT NULL,
    account_id      uuid,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    due_at          timestamptz,                      -- null: no work is due
    delivered_at    timestamptz,
    response_status integer,                          -- of the last attempt; null: no response
    error           text,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, created_at DESC, id);
CREATE INDEX deliveries_status ON deliveries (endpoint_id, status, created_at DESC, id);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_account ON deliveries (account_id);

-- Increases when the stored object changes. A read that finds the same object does not change it.
ALTER TABLE mirrors ADD COLUMN changes bigint NOT NULL DEFAULT 1;

-- The subscription as last announced: a change of nothing that is shown sends no event.
ALTER TABLE subscriptions ADD COLUMN told_as text;
SET LOCAL timezone = 'UTC';
UPDATE subscriptions SET told_as = md5(row(status, cancel_at_period_end, cancel_at, canceled_at, trial_end_at, (
    SELECT array_agg(row(stripe_price_id, stripe_product_id, quantity, current_period_start_at,
                         current_period_end_at)::text ORDER BY position)
    FROM subscription_items AS item WHERE item.stripe_subscription_id = subscriptions.stripe_subscription_id))::text);

-- Existing rows are announced already, so that a later change of them sends nothing old. Waiting orders are not.
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
