-- What happens to the invoices while collection is paused: Stripe's `pause_collection.behavior`, or null.
ALTER TABLE subscriptions ADD COLUMN paused_collection text;
UPDATE subscriptions SET paused_collection = mirrors.object -> 'pause_collection' ->> 'behavior'
FROM mirrors WHERE mirrors.stripe_id = subscriptions.stripe_subscription_id;
