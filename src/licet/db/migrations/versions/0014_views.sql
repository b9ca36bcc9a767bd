-- Before the new code is out. Two joins that several statements need. Both views are read along indexes where their
-- stripe_..._id is compared with a value. A join on invoice_refunds would read the whole view (UNION is not joined row
-- by row): compare with `= ANY (ARRAY(SELECT ...))` instead.

-- The refunds of each invoice. A payment and its refund share the payment intent, or the charge, or both. UNION: a
-- refund is listed once per invoice, whichever they share, and if several payments of the invoice lead to it.
CREATE VIEW invoice_refunds AS
SELECT payment.stripe_invoice_id, refund.stripe_refund_id, refund.stripe_payment_intent_id, refund.amount,
       refund.currency, refund.status, refund.created_at
FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_payment_intent_id)
UNION
SELECT payment.stripe_invoice_id, refund.stripe_refund_id, refund.stripe_payment_intent_id, refund.amount,
       refund.currency, refund.status, refund.created_at
FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_charge_id);

-- The subscriptions that are being cancelled immediately or that duplicate a plan. is_done: the duplicate is cancelled
-- and its money went back; the row of a cancellation is deleted then. A subscription can be listed twice.
CREATE VIEW ending_subscriptions AS
SELECT stripe_subscription_id, false AS is_done FROM cancellations
UNION ALL
SELECT stripe_subscription_id, due_at IS NULL AS is_done FROM second_plans;
