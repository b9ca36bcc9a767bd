-- Before the new code is out. What was asked to end at once and is not known to have ended yet.

CREATE TABLE cancellations (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    because                jsonb NOT NULL,
    requested_at           timestamptz NOT NULL,
    due_at                 timestamptz NOT NULL,    -- when a job sees to it, in business time
    attempts               integer NOT NULL DEFAULT 0
);
CREATE INDEX cancellations_due ON cancellations (due_at);
