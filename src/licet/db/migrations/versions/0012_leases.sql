-- Before the new code is out. Who changes a subscription at this moment: nobody else does until he lets go of it.

CREATE TABLE subscription_leases (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    holder                 uuid NOT NULL,
    until                  timestamptz NOT NULL,            -- wall time; past: its holder did not get to the end of it
    taken_over             boolean NOT NULL DEFAULT false   -- from such a one
);

-- What waits in a schedule may give way to an end, too: then there is no price.
ALTER TABLE plan_releases ALTER COLUMN to_price_id DROP NOT NULL;
