-- The core tables: accounts, catalogue, copies of Stripe's objects, and the licenses that follow from them.
-- Times are timestamptz (UTC), money is bigint in minor units beside its currency.
-- Stripe's ids are text named stripe_..._id; Licet's ids are UUIDv7, made in Python.

-- What filled this database: another mode or Stripe account is refused.
CREATE TABLE installation (
    singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    mode              text NOT NULL CHECK (mode IN ('sandbox', 'test', 'live')),
    stripe_account_id text,                     -- null until it was read from Stripe
    created_at        timestamptz NOT NULL
);

------------------------------------------------------------------------------------------------ accounts

CREATE TABLE accounts (
    id                 uuid PRIMARY KEY,
    kind               text NOT NULL CHECK (kind IN ('user', 'organization')),
    name               text,
    email              text,
    external_id        text UNIQUE,
    -- The Stripe customer of this account; null until its first purchase.
    stripe_customer_id text UNIQUE,
    -- The customer for which this account was created, if its event came before anything named an account.
    made_for_customer  text,
    oidc_issuer        text,
    oidc_subject       text,
    created_at         timestamptz NOT NULL,
    UNIQUE (oidc_issuer, oidc_subject),
    CHECK ((oidc_issuer IS NULL) = (oidc_subject IS NULL))
);

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    account_id   uuid REFERENCES accounts,      -- null: an operator's key
    name         text NOT NULL,
    scopes       text[] NOT NULL,
    key_hash     bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    CHECK ((account_id IS NULL) = ('admin' = ANY (scopes)))
);
CREATE INDEX api_keys_account ON api_keys (account_id);

-- Every Stripe customer that Licet knows. An account is created for one that was made elsewhere.
CREATE TABLE customers (
    stripe_customer_id               text PRIMARY KEY,
    account_id                       uuid NOT NULL REFERENCES accounts,
    email                            text,
    name                             text,
    address                          jsonb,
    stripe_default_payment_method_id text,
    deleted                          boolean NOT NULL DEFAULT false
);
CREATE INDEX customers_account ON customers (account_id);

------------------------------------------------------------------------------------------------ catalogue

-- A product is in the catalogue if it has a catalogue key; otherwise the row is only a copy of Stripe's product.
CREATE TABLE products (
    id                uuid PRIMARY KEY,
    catalog_key       text UNIQUE,
    stripe_product_id text UNIQUE,
    kind              text CHECK (kind IN ('plan', 'license')),
    name              text NOT NULL,
    description       text,
    active            boolean NOT NULL,
    rank              integer NOT NULL DEFAULT 0,
    product_group     text,
    features          jsonb NOT NULL DEFAULT '[]',
    license_policy    jsonb,
    position          integer NOT NULL DEFAULT 0,
    CHECK ((catalog_key IS NULL) = (kind IS NULL))
);

CREATE TABLE prices (
    stripe_price_id   text PRIMARY KEY,
    stripe_product_id text NOT NULL REFERENCES products (stripe_product_id),
    active            boolean NOT NULL,
    currency          text NOT NULL,
    unit_amount       bigint,
    interval          text,                     -- null: bought once
    interval_count    integer,
    lookup_key        text,
    trial_days        integer NOT NULL DEFAULT 0,
    -- Its position among the product's prices in the catalogue file; the first is the default; null: not in the file.
    position          integer
);
CREATE INDEX prices_product ON prices (stripe_product_id);

------------------------------------------------------------------------------------------------ what Stripe told us

-- Every event as received. A failed one has a retry_at until its last retry.
CREATE TABLE events (
    stripe_event_id  text PRIMARY KEY,
    type             text NOT NULL,
    stripe_object_id text,
    api_version      text,
    account_id       uuid,
    created_at       timestamptz NOT NULL,
    received_at      timestamptz NOT NULL,
    outcome          text NOT NULL CHECK (outcome IN ('applied', 'stale', 'ignored', 'parked', 'failed')),
    reason           text,
    attempts         integer NOT NULL DEFAULT 1,
    error            text,
    retry_at         timestamptz,
    payload          jsonb NOT NULL
);
CREATE INDEX events_received ON events (received_at DESC, stripe_event_id);
CREATE INDEX events_outcome ON events (outcome, received_at DESC, stripe_event_id);
CREATE INDEX events_type ON events (type, received_at DESC, stripe_event_id);
CREATE INDEX events_retry ON events (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX events_account ON events (account_id, received_at DESC);

-- The newest state of each Stripe object, and how new that is (docs/decisions/order-does-not-matter.md).
CREATE TABLE mirrors (
    stripe_id  text PRIMARY KEY,
    kind       text NOT NULL,
    account_id uuid,
    as_of      timestamptz NOT NULL,            -- `created` of the event that carried it, or the time of the read
    rank       smallint NOT NULL,               -- 0 a .created event, 1 any other, 2 a .deleted one
    was_read   boolean NOT NULL,                -- read from Stripe: as_of is then Licet's time, not Stripe's
    revision   bigint NOT NULL DEFAULT 1,
    previous   jsonb,                           -- previous_attributes of that event
    object     jsonb NOT NULL
);
CREATE INDEX mirrors_account ON mirrors (account_id);

-- Requested reads from Stripe, for what a payload does not contain. A row is deleted when the read is done.
CREATE TABLE refreshes (
    kind       text NOT NULL,
    stripe_id  text NOT NULL,
    because    jsonb NOT NULL,
    due_at     timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    requested  bigint NOT NULL DEFAULT 1,       -- the number of requests, so that one made during the read is not lost
    error      text,
    PRIMARY KEY (kind, stripe_id)
);
CREATE INDEX refreshes_due ON refreshes (due_at);

------------------------------------------------------------------------------------------------ money received

CREATE TABLE checkout_sessions (
    stripe_session_id        text PRIMARY KEY,
    account_id               uuid NOT NULL REFERENCES accounts,
    order_id                 uuid NOT NULL UNIQUE,
    made_here                boolean NOT NULL,  -- created by Licet: only then are its references trusted
    mode                     text NOT NULL,
    status                   text NOT NULL,
    payment_status           text NOT NULL,
    payment_failed           boolean NOT NULL DEFAULT false,
    stripe_customer_id       text,
    stripe_payment_intent_id text,
    stripe_subscription_id   text,
    stripe_invoice_id        text,
    customer_email           text,
    amount_total             bigint NOT NULL,
    currency                 text,
    url                      text,
    lines_known              boolean NOT NULL,
    created_at               timestamptz NOT NULL,
    expires_at               timestamptz NOT NULL
);
CREATE INDEX checkout_sessions_account ON checkout_sessions (account_id, created_at DESC);
CREATE INDEX checkout_sessions_customer ON checkout_sessions (stripe_customer_id);
CREATE INDEX checkout_sessions_payment_intent ON checkout_sessions (stripe_payment_intent_id);
CREATE INDEX checkout_sessions_subscription ON checkout_sessions (stripe_subscription_id);
CREATE INDEX checkout_sessions_invoice ON checkout_sessions (stripe_invoice_id);

CREATE TABLE checkout_lines (
    stripe_session_id text NOT NULL REFERENCES checkout_sessions,
    position          integer NOT NULL,
    stripe_price_id   text NOT NULL,
    stripe_product_id text NOT NULL,
    quantity          integer NOT NULL CHECK (quantity > 0),
    unit_amount       bigint NOT NULL,
    currency          text NOT NULL,
    interval          text,
    interval_count    integer,
    PRIMARY KEY (stripe_session_id, position)
);

-- One for each checkout session that was completed, failed or expired.
CREATE TABLE orders (
    id                uuid PRIMARY KEY,
    account_id        uuid NOT NULL REFERENCES accounts,
    stripe_session_id text NOT NULL UNIQUE REFERENCES checkout_sessions,
    status            text NOT NULL CHECK (status IN
        ('pending', 'paid', 'partially_refunded', 'refunded', 'failed', 'expired', 'cancelled')),
    amount_refunded   bigint NOT NULL DEFAULT 0,
    waits_for         text[] NOT NULL DEFAULT '{}',   -- Stripe products that the catalogue does not know
    created_at        timestamptz NOT NULL
);
CREATE INDEX orders_account ON orders (account_id, created_at DESC, id);
CREATE INDEX orders_created ON orders (created_at DESC, id);
CREATE INDEX orders_waiting ON orders USING gin (waits_for) WHERE waits_for <> '{}';

CREATE TABLE invoices (
    stripe_invoice_id       text PRIMARY KEY,
    account_id              uuid REFERENCES accounts,
    stripe_customer_id      text,
    stripe_subscription_id  text,
    number                  text,
    status                  text NOT NULL,
    billing_reason          text,
    currency                text NOT NULL,
    total                   bigint NOT NULL,
    amount_due              bigint NOT NULL,
    amount_paid             bigint NOT NULL,
    attempt_count           integer NOT NULL,
    next_payment_attempt_at timestamptz,
    hosted_invoice_url      text,
    invoice_pdf             text,
    customer_email          text,
    created_at              timestamptz NOT NULL,
    period_start_at         timestamptz NOT NULL,
    period_end_at           timestamptz NOT NULL,
    paid_at                 timestamptz
);
CREATE INDEX invoices_account ON invoices (account_id, created_at DESC);
CREATE INDEX invoices_subscription ON invoices (stripe_subscription_id, created_at DESC);

CREATE TABLE invoice_lines (
    stripe_invoice_id           text NOT NULL REFERENCES invoices,
    position                    integer NOT NULL,
    stripe_invoice_line_id      text NOT NULL,
    stripe_subscription_id      text,
    stripe_subscription_item_id text,
    stripe_price_id             text,
    stripe_product_id           text,
    description                 text,
    quantity                    integer,
    amount                      bigint NOT NULL,
    currency                    text NOT NULL,
    proration                   boolean NOT NULL,
    period_start_at             timestamptz NOT NULL,
    period_end_at               timestamptz NOT NULL,
    PRIMARY KEY (stripe_invoice_id, position)
);

-- Which payment paid which invoice. Refunds and disputes find their purchase by it.
CREATE TABLE invoice_payments (
    stripe_invoice_payment_id text PRIMARY KEY,
    stripe_invoice_id         text NOT NULL,
    stripe_payment_intent_id  text,
    stripe_charge_id          text,
    status                    text NOT NULL,
    amount_paid               bigint,
    currency                  text NOT NULL
);
CREATE INDEX invoice_payments_invoice ON invoice_payments (stripe_invoice_id);
CREATE INDEX invoice_payments_payment_intent ON invoice_payments (stripe_payment_intent_id);
CREATE INDEX invoice_payments_charge ON invoice_payments (stripe_charge_id);

------------------------------------------------------------------------------------------------ money returned

CREATE TABLE refunds (
    stripe_refund_id         text PRIMARY KEY,
    stripe_charge_id         text,
    stripe_payment_intent_id text,
    amount                   bigint NOT NULL,
    currency                 text NOT NULL,
    status                   text NOT NULL,
    created_at               timestamptz NOT NULL
);
CREATE INDEX refunds_payment_intent ON refunds (stripe_payment_intent_id);
CREATE INDEX refunds_charge ON refunds (stripe_charge_id);

CREATE TABLE disputes (
    stripe_dispute_id        text PRIMARY KEY,
    stripe_charge_id         text,
    stripe_payment_intent_id text,
    amount                   bigint NOT NULL,
    currency                 text NOT NULL,
    status                   text NOT NULL,
    created_at               timestamptz NOT NULL
);
CREATE INDEX disputes_payment_intent ON disputes (stripe_payment_intent_id);
CREATE INDEX disputes_charge ON disputes (stripe_charge_id);

------------------------------------------------------------------------------------------------ what renews

CREATE TABLE subscriptions (
    stripe_subscription_id           text PRIMARY KEY,
    account_id                       uuid NOT NULL REFERENCES accounts,
    stripe_customer_id               text NOT NULL,
    status                           text NOT NULL,
    cancel_at_period_end             boolean NOT NULL,
    cancel_at                        timestamptz,
    canceled_at                      timestamptz,
    ended_at                         timestamptz,
    trial_end_at                     timestamptz,
    stripe_default_payment_method_id text,
    stripe_latest_invoice_id         text,
    stripe_schedule_id               text,
    waits_for                        text[] NOT NULL DEFAULT '{}',
    created_at                       timestamptz NOT NULL
);
CREATE INDEX subscriptions_account ON subscriptions (account_id, created_at DESC);
CREATE INDEX subscriptions_waiting ON subscriptions USING gin (waits_for) WHERE waits_for <> '{}';

CREATE TABLE subscription_items (
    stripe_subscription_item_id text PRIMARY KEY,
    stripe_subscription_id      text NOT NULL REFERENCES subscriptions,
    position                    integer NOT NULL,
    stripe_price_id             text NOT NULL,
    stripe_product_id           text NOT NULL,
    quantity                    integer NOT NULL,
    unit_amount                 bigint,
    currency                    text NOT NULL,
    interval                    text NOT NULL,
    interval_count              integer NOT NULL,
    current_period_start_at     timestamptz NOT NULL,
    current_period_end_at       timestamptz NOT NULL
);
CREATE INDEX subscription_items_subscription ON subscription_items (stripe_subscription_id);

------------------------------------------------------------------------------------------------ licenses

-- A unit of an order line (session, position, unit) or of a subscription (subscription, unit group, unit).
CREATE TABLE licenses (
    id                     uuid PRIMARY KEY,
    account_id             uuid NOT NULL REFERENCES accounts,
    product_id             uuid NOT NULL REFERENCES products,
    order_id               uuid REFERENCES orders,
    stripe_session_id      text,
    line_position          integer,
    stripe_subscription_id text,
    unit_group             text,
    unit                   integer NOT NULL,
    wanted                 boolean NOT NULL DEFAULT true,   -- false: an unused unit, because the quantity was lowered
    key_hash               bytea NOT NULL UNIQUE,
    key_encrypted          bytea NOT NULL,
    activations_limit      integer,                         -- null: without limit
    -- The last result of `decide`: from valid_until on, the status is then_status.
    status                 text NOT NULL CHECK (status IN ('active', 'suspended', 'revoked', 'expired')),
    reason                 text NOT NULL,
    valid_until            timestamptz,
    then_status            text,
    expires_at             timestamptz,                     -- paid through; null is perpetual
    created_at             timestamptz NOT NULL,
    UNIQUE (stripe_session_id, line_position, unit),
    UNIQUE (stripe_subscription_id, unit_group, unit),
    CHECK ((stripe_session_id IS NULL) <> (stripe_subscription_id IS NULL)),
    CHECK ((valid_until IS NULL) = (then_status IS NULL))
);
CREATE INDEX licenses_account ON licenses (account_id, created_at DESC, id);
CREATE INDEX licenses_created ON licenses (created_at DESC, id);
CREATE INDEX licenses_product ON licenses (product_id);
-- Licenses whose status has changed by time alone since they were last settled.
CREATE INDEX licenses_turning ON licenses (valid_until) WHERE valid_until IS NOT NULL;
CREATE INDEX licenses_order ON licenses (order_id);

CREATE TABLE license_decisions (
    id         uuid PRIMARY KEY,
    license_id uuid NOT NULL REFERENCES licenses,
    kind       text NOT NULL CHECK (kind IN ('revoke', 'suspend')),
    reason     text NOT NULL,
    made_at    timestamptz NOT NULL,
    lifted_at  timestamptz
);
CREATE INDEX license_decisions_license ON license_decisions (license_id);

CREATE TABLE activations (
    license_id   uuid NOT NULL REFERENCES licenses,
    domain       text NOT NULL,
    activated_at timestamptz NOT NULL,
    last_seen_at timestamptz,
    PRIMARY KEY (license_id, domain)
);

-- Every change to a license, with its cause.
CREATE TABLE license_timeline (
    id         uuid PRIMARY KEY,
    license_id uuid NOT NULL REFERENCES licenses,
    account_id uuid NOT NULL,
    at         timestamptz NOT NULL,
    change     text NOT NULL,
    from_value text,
    to_value   text,
    because    jsonb NOT NULL
);
CREATE INDEX license_timeline_license ON license_timeline (license_id, at, id);

------------------------------------------------------------------------------------------------ mail

-- One row per business fact; text and HTML are rendered from ids when sent or shown, so no row holds a license key.
CREATE TABLE emails (
    id         uuid PRIMARY KEY,
    account_id uuid REFERENCES accounts,
    template   text NOT NULL,
    fact       text NOT NULL,                   -- the business fact, e.g. an invoice and an attempt
    to_address text NOT NULL,
    subject    text NOT NULL,
    about      jsonb NOT NULL,                  -- the ids to render it from
    status     text NOT NULL CHECK (status IN ('queued', 'sent', 'kept', 'failed')),
    attempts   integer NOT NULL DEFAULT 0,
    error      text,
    created_at timestamptz NOT NULL,
    due_at     timestamptz,                     -- null: no work is due
    sent_at    timestamptz,
    UNIQUE (template, fact)
);
CREATE INDEX emails_created ON emails (created_at DESC, id);
CREATE INDEX emails_account ON emails (account_id, created_at DESC);
CREATE INDEX emails_due ON emails (due_at) WHERE due_at IS NOT NULL;
