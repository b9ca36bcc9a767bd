-- Before the new code is out. Plans of organisations.

-- The product's days of grace. If it issues license keys, license_policy contains them too.
ALTER TABLE products ADD COLUMN grace_days integer NOT NULL DEFAULT 0;
UPDATE products SET grace_days = coalesce((license_policy ->> 'graceDays')::integer, 0);

-- The buyer of such a session may have one plan at a time.
ALTER TABLE checkout_sessions ADD COLUMN one_plan boolean NOT NULL DEFAULT false;
-- The hash of the secret in Licet's own return address.
ALTER TABLE checkout_sessions ADD COLUMN token_hash bytea UNIQUE;

-- Quotes: the price of a change of plan, until it expires.
CREATE TABLE plan_quotes (
    id                     uuid PRIMARY KEY,
    stripe_subscription_id text NOT NULL REFERENCES subscriptions,
    from_price_id          text NOT NULL,
    to_price_id            text NOT NULL,
    quantity               integer NOT NULL,
    period_end_at          timestamptz NOT NULL,
    amount                 bigint NOT NULL,
    currency               text NOT NULL,
    proration_at           timestamptz NOT NULL,
    expires_at             timestamptz NOT NULL
);
CREATE INDEX plan_quotes_expired ON plan_quotes (expires_at);
CREATE INDEX plan_quotes_subscription ON plan_quotes (stripe_subscription_id);

-- Schedules to release, because another change replaces theirs, once that change has taken effect.
CREATE TABLE plan_releases (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    stripe_schedule_id     text NOT NULL,
    to_price_id            text NOT NULL,
    because                jsonb NOT NULL,
    due_at                 timestamptz NOT NULL     -- when a job releases it, in business time
);
CREATE INDEX plan_releases_due ON plan_releases (due_at);
