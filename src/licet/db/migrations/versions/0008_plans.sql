-- Before the new code is out. What organisations subscribe to plans with.

-- A product's own days of grace: those of its license keys, where it issues any, stand in license_policy too.
ALTER TABLE products ADD COLUMN grace_days integer NOT NULL DEFAULT 0;
UPDATE products SET grace_days = coalesce((license_policy ->> 'graceDays')::integer, 0);

-- A buyer of such a session may have one plan at a time, whichever it is.
ALTER TABLE checkout_sessions ADD COLUMN one_plan boolean NOT NULL DEFAULT false;
-- Of the secret in our own address that the buyer comes back to.
ALTER TABLE checkout_sessions ADD COLUMN token_hash bytea UNIQUE;

-- What a change of plans was said to cost, until it expires.
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

-- A change that waited for a subscription and gives way to another one: dropped once that one has taken effect.
CREATE TABLE plan_releases (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    stripe_schedule_id     text NOT NULL,
    to_price_id            text NOT NULL,
    because                jsonb NOT NULL,
    due_at                 timestamptz NOT NULL     -- when a job sees to it, in business time
);
CREATE INDEX plan_releases_due ON plan_releases (due_at);
