"""Pays an invoice. Stripe finalizes a draft as it is paid."""

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.stripe_events import sync

SETTLED = frozenset({"paid", "void"})
"""Statuses of an invoice on which nothing is due."""


async def pay_invoice(
    ctx: Context, stripe_invoice_id: str, cause: Cause, *, stripe_payment_method_id: str | None = None
) -> bool:
    """Charge an invoice and apply Stripe's answer. Returns True if this call paid it.

    stripe_payment_method_id: the payment method to charge; None: the subscription's. False if another call has paid the
    invoice, or it was voided. Raises CardDeclined, StripeRefused, StripeUnavailable.
    """
    params: dict[str, object] = {"expand": ["payments"]}
    if stripe_payment_method_id is not None:
        params["payment_method"] = stripe_payment_method_id
    try:
        await sync.act(ctx, "invoice", stripe_invoice_id, "pay", cause, params=params)
    except StripeRefused:
        invoice = await sync.read(ctx, ctx.stripe, "invoice", stripe_invoice_id, cause)
        if invoice is None or invoice["status"] not in SETTLED:
            raise
        return False
    return True
