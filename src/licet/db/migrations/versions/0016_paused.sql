-- Before the new code is out. Stripe's `pause_collection.behavior`; null if collection is not paused.
ALTER TABLE subscriptions ADD COLUMN paused_collection text;
UPDATE subscriptions SET paused_collection = mirrors.object -> 'pause_collection' ->> 'behavior'
FROM mirrors WHERE mirrors.stripe_id = subscriptions.stripe_subscription_id;
