-- Before the new code is out. Duplicate plans: each is cancelled and refunded.

CREATE TABLE second_plans (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    kept_subscription_id   text NOT NULL REFERENCES subscriptions,  -- the older one, which is kept
    found_at               timestamptz NOT NULL,
    due_at                 timestamptz,                             -- in business time; null: undone
    attempts               integer NOT NULL DEFAULT 0
);
CREATE INDEX second_plans_due ON second_plans (due_at) WHERE due_at IS NOT NULL;

-- Whether it was compared with the account's other plans, which happens once. Existing subscriptions are not compared.
ALTER TABLE subscriptions ADD COLUMN compared boolean NOT NULL DEFAULT true;
ALTER TABLE subscriptions ALTER COLUMN compared SET DEFAULT false;
