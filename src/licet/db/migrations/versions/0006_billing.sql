-- Before the new code is out. The configurations of Stripe's portal, and indexes for lists.

CREATE TABLE portal_configurations (
    key                     text PRIMARY KEY,   -- of what it allows; another version of Licet may allow something else
    stripe_configuration_id text NOT NULL
);

-- Lists are ordered by a unique column last, so that no row is on two pages.
CREATE INDEX subscriptions_created ON subscriptions (created_at DESC, stripe_subscription_id);
DROP INDEX subscriptions_account;
CREATE INDEX subscriptions_account ON subscriptions (account_id, created_at DESC, stripe_subscription_id);
CREATE INDEX subscriptions_customer ON subscriptions (stripe_customer_id);
CREATE INDEX invoices_created ON invoices (created_at DESC, stripe_invoice_id);
DROP INDEX invoices_account;
CREATE INDEX invoices_account ON invoices (account_id, created_at DESC, stripe_invoice_id);
CREATE INDEX licenses_subscription ON licenses (stripe_subscription_id, created_at, id);
