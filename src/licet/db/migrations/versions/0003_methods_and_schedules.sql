-- Before the new code is out. Payment methods, and scheduled changes of subscriptions.

-- The payment methods that are attached to a customer. The row of a detached one is deleted; `mirrors` keeps its state.
CREATE TABLE payment_methods (
    stripe_payment_method_id text PRIMARY KEY,
    account_id               uuid NOT NULL REFERENCES accounts,
    stripe_customer_id       text NOT NULL,
    type                     text NOT NULL,     -- card, sepa_debit, …
    brand                    text,              -- of a card
    last4                    text,
    exp_month                integer,
    exp_year                 integer,
    created_at               timestamptz NOT NULL
);
CREATE INDEX payment_methods_account ON payment_methods (account_id, created_at DESC);
CREATE INDEX payment_methods_customer ON payment_methods (stripe_customer_id);

CREATE TABLE subscription_schedules (
    stripe_schedule_id     text PRIMARY KEY,
    account_id             uuid NOT NULL REFERENCES accounts,
    stripe_customer_id     text NOT NULL,
    stripe_subscription_id text,                -- null until it has created one; kept after a release
    status                 text NOT NULL,       -- not_started, active, completed, released, canceled
    end_behavior           text NOT NULL,
    created_at             timestamptz NOT NULL
);
CREATE INDEX subscription_schedules_account ON subscription_schedules (account_id, created_at DESC);
CREATE INDEX subscription_schedules_subscription ON subscription_schedules (stripe_subscription_id, created_at DESC);

-- The items of the subscription in each phase, in Stripe's order.
CREATE TABLE subscription_schedule_items (
    stripe_schedule_id text NOT NULL REFERENCES subscription_schedules,
    phase              integer NOT NULL,
    position           integer NOT NULL,
    starts_at          timestamptz NOT NULL,    -- of the phase
    ends_at            timestamptz NOT NULL,
    stripe_price_id    text NOT NULL,
    quantity           integer NOT NULL,
    PRIMARY KEY (stripe_schedule_id, phase, position)
);

-- The previous version stored these events without applying them. They are applied now.
UPDATE events SET outcome = 'failed', error = reason, reason = NULL, retry_at = received_at
WHERE outcome = 'parked' AND reason IN (
    'disputes are not acted on yet', 'payment methods are not mirrored yet', 'subscription schedules are not mirrored yet');
