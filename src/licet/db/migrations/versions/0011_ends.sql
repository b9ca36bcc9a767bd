-- Before the new code is out. Cancellations that were cleared for a change of plan, until the change is made.

CREATE TABLE ends_taken_back (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    stripe_price_id        text NOT NULL,           -- the plan's price then: another price means that the change was made
    cancel_at_period_end   boolean NOT NULL,
    cancel_at              timestamptz,
    because                jsonb NOT NULL,
    due_at                 timestamptz NOT NULL,    -- when a job restores it, in business time
    CHECK (cancel_at_period_end OR cancel_at IS NOT NULL)
);
CREATE INDEX ends_taken_back_due ON ends_taken_back (due_at);
