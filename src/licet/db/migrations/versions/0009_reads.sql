-- Before the new code is out. Indexes for each list and its count, with every filter.
-- Creating an index blocks writes to its table for some seconds per million rows.

DROP INDEX subscriptions_created;
CREATE INDEX subscriptions_created ON subscriptions (created_at DESC, stripe_subscription_id) INCLUDE (status);
CREATE INDEX subscriptions_status ON subscriptions (status, created_at DESC, stripe_subscription_id);

CREATE INDEX orders_status ON orders (status, created_at DESC, id);

CREATE INDEX invoices_status ON invoices (status, created_at DESC, stripe_invoice_id);
-- For the dashboard: spend by month, and invoices that are retried.
CREATE INDEX invoices_paid ON invoices (account_id, paid_at) WHERE status = 'paid';
CREATE INDEX invoices_attempts ON invoices (account_id) WHERE next_payment_attempt_at IS NOT NULL;

-- With the columns that decide the status at the time of the read.
CREATE INDEX licenses_status ON licenses (status, created_at DESC, id) INCLUDE (valid_until, then_status);
DROP INDEX licenses_product;
CREATE INDEX licenses_product ON licenses (product_id, created_at DESC, id);

CREATE INDEX accounts_kind ON accounts (kind, id);
CREATE INDEX accounts_email ON accounts (email, id);
DROP INDEX api_keys_account;
CREATE INDEX api_keys_account ON api_keys (account_id, id);

DROP INDEX emails_account;
CREATE INDEX emails_account ON emails (account_id, created_at DESC, id);
CREATE INDEX emails_template ON emails (template, created_at DESC, id);
CREATE INDEX emails_to ON emails (to_address, created_at DESC, id);
