-- Before the new code is out. A scheduled end that is taken back for a change of plan, until that change is made.

CREATE TABLE ends_taken_back (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    stripe_price_id        text NOT NULL,           -- what the plan was billed by: another one is a change that was made
    cancel_at_period_end   boolean NOT NULL,
    cancel_at              timestamptz,
    because                jsonb NOT NULL,
    due_at                 timestamptz NOT NULL,    -- when a job sets the end again, in business time
    CHECK (cancel_at_period_end OR cancel_at IS NOT NULL)
);
CREATE INDEX ends_taken_back_due ON ends_taken_back (due_at);
