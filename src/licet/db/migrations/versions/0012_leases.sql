-- Before the new code is out. Leases: one caller at a time changes a subscription.

CREATE TABLE subscription_leases (
    stripe_subscription_id text PRIMARY KEY REFERENCES subscriptions,
    holder                 uuid NOT NULL,
    until                  timestamptz NOT NULL,            -- wall time; in the past: its holder did not finish
    taken_over             boolean NOT NULL DEFAULT false   -- from a holder that did not finish
);

-- A cancellation may replace a scheduled change too: then there is no price.
ALTER TABLE plan_releases ALTER COLUMN to_price_id DROP NOT NULL;
