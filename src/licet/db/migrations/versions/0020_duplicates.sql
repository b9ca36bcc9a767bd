-- Before the new code is out. A duplicate plan is undone line by line: the rest of its cart stays.

-- Stripe's product ids of the plans that a subscription had when it was compared. Only these can be duplicates.
ALTER TABLE subscriptions ADD COLUMN bought_plans text[] NOT NULL DEFAULT '{}';

-- A subscription that has left `incomplete` is not a purchase that completes now, so it is never compared again.
UPDATE subscriptions SET compared = true WHERE status <> 'incomplete' AND NOT compared;
UPDATE subscriptions AS subscription SET bought_plans = bought.plans
FROM (
    SELECT session.stripe_subscription_id, array_agg(DISTINCT line.stripe_product_id) AS plans
    FROM checkout_sessions AS session
    JOIN checkout_lines AS line USING (stripe_session_id)
    JOIN products AS product ON product.stripe_product_id = line.stripe_product_id AND product.kind = 'plan'
    WHERE session.made_here AND session.stripe_subscription_id IS NOT NULL
    GROUP BY session.stripe_subscription_id
) AS bought
WHERE bought.stripe_subscription_id = subscription.stripe_subscription_id AND subscription.compared;

ALTER TABLE second_plans
    -- The products that are undone. Empty in a row of the earlier code: all plans of the subscription.
    ADD COLUMN stripe_product_ids text[] NOT NULL DEFAULT '{}',
    -- The purchase's invoice, and what was paid for the undone products with it. Null until that is decided.
    ADD COLUMN purchase_invoice_id text,
    ADD COLUMN currency text,
    ADD COLUMN paid_amount bigint,
    -- What of it is refunded, and what is returned as the customer's credit.
    ADD COLUMN refund_amount bigint NOT NULL DEFAULT 0,
    ADD COLUMN credit_amount bigint NOT NULL DEFAULT 0,
    -- Whether the subscription has other items, and goes on without the plan.
    ADD COLUMN subscription_continues boolean NOT NULL DEFAULT false;
UPDATE second_plans AS second SET stripe_product_ids = ARRAY(
    SELECT DISTINCT item.stripe_product_id
    FROM subscription_items AS item JOIN products AS product USING (stripe_product_id)
    WHERE item.stripe_subscription_id = second.stripe_subscription_id AND product.kind = 'plan');

-- What is being cancelled immediately or undone as a duplicate. is_done: it is undone, and the subscription has ended.
-- stripe_product_ids: the products that this is about; null: the whole subscription; empty: none, because the plan is
-- undone and the subscription continues without it. A subscription can be listed twice.
-- A condition in either part would keep PostgreSQL from reading the view along the index.
CREATE OR REPLACE VIEW ending_subscriptions AS
SELECT stripe_subscription_id, false AS is_done, NULL::text[] AS stripe_product_ids FROM cancellations
UNION ALL
SELECT stripe_subscription_id, due_at IS NULL AS is_done,
       CASE WHEN due_at IS NULL AND subscription_continues THEN '{}' ELSE nullif(stripe_product_ids, '{}') END
           AS stripe_product_ids
FROM second_plans;
