-- Before the new code is out. Immediate cancellations that Stripe has not confirmed yet.

CREATE TABLE cancellations (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    because                jsonb NOT NULL,
    requested_at           timestamptz NOT NULL,
    due_at                 timestamptz NOT NULL,    -- when a job completes it, in business time
    attempts               integer NOT NULL DEFAULT 0
);
CREATE INDEX cancellations_due ON cancellations (due_at);
