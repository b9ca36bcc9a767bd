"""An invoice is paid: the one way, whoever asks for it. A draft is finalized by it."""

from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.stripe_events.sync import change, read

SETTLED = frozenset({"paid", "void"})
"""Statuses of an invoice that nothing more is to be paid for."""


async def pay_invoice(
    ctx: Context, stripe_invoice_id: str, cause: Cause, *, stripe_payment_method_id: str | None = None
) -> bool:
    """Have Stripe take the money, and apply what it answers. Whether this call took it: an invoice is paid once.

    stripe_payment_method_id: what to pay with; without it, what its subscription is paid with. False where another call
    was quicker, or it is asked for no more. Raises CardDeclined, and what Stripe's door raises.
    """

    async def ask() -> StripeObject | None:
        params: dict[str, object] = {"expand": ["payments"]}
        if stripe_payment_method_id is not None:
            params["payment_method"] = stripe_payment_method_id
        return await ctx.stripe.act("invoice", stripe_invoice_id, "pay", params)

    try:
        await change(ctx, "invoice", stripe_invoice_id, cause, ask)
    except StripeRefused:
        found = await read(ctx, ctx.stripe, "invoice", stripe_invoice_id, cause)
        if found is None or found["status"] not in SETTLED:
            raise
        return False
    return True
