"""What went back, by what was paid."""

REFUNDED_OF_INVOICE = """
    SELECT coalesce(sum(refund.amount), 0)::bigint
    FROM (
        SELECT refund.stripe_refund_id, refund.amount, refund.status
        FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_payment_intent_id)
        WHERE payment.stripe_invoice_id = invoice.stripe_invoice_id
        UNION
        SELECT refund.stripe_refund_id, refund.amount, refund.status
        FROM invoice_payments AS payment JOIN refunds AS refund USING (stripe_charge_id)
        WHERE payment.stripe_invoice_id = invoice.stripe_invoice_id) AS refund
    WHERE refund.status <> ALL ($2)
"""
"""What went back of `invoice`, in minor units. $2: `mirror.FAILED`. A part of a larger statement."""
