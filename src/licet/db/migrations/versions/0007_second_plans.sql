-- Before the new code is out. A plan that was bought a second time is cancelled and its money goes back.

CREATE TABLE second_plans (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    kept_subscription_id   text NOT NULL REFERENCES subscriptions,  -- the first one, which stays
    found_at               timestamptz NOT NULL,
    due_at                 timestamptz,                             -- in business time; null: the money went back
    attempts               integer NOT NULL DEFAULT 0
);
CREATE INDEX second_plans_due ON second_plans (due_at) WHERE due_at IS NOT NULL;

-- Looked at once, when a purchase of ours is first seen to be live. What is there already was let be.
ALTER TABLE subscriptions ADD COLUMN compared boolean NOT NULL DEFAULT true;
ALTER TABLE subscriptions ALTER COLUMN compared SET DEFAULT false;
