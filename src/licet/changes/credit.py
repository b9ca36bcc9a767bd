"""Credit that an invoice has used up goes back to its customer.

Stripe takes what a customer has in credit before it charges a card, and a refund returns none of that. The invoice is
named in the customer's metadata by the very call that gives the credit back, so that it is given back once.
"""

import structlog

from licet.http.context import Context
from licet.kit.stripe_objects import StripeObject, id_of

log = structlog.get_logger(__name__)


async def return_credit(ctx: Context, invoice: StripeObject) -> None:
    """Add to the customer's balance what this invoice took of it. Raises what Stripe's door raises."""
    used = _used(invoice)
    customer_id = id_of(invoice.get("customer"))
    if used <= 0 or customer_id is None:
        return
    stripe = ctx.stripe.in_background
    customer = await stripe.retrieve("customer", customer_id)
    mark = f"credited_{invoice['id']}"
    if customer is None or customer.get("deleted") or mark in (customer.get("metadata") or {}):
        return
    # Stripe sets the balance and adds nothing to it: a change between the two calls, which are moments apart, is lost.
    balance = customer["balance"] - used
    await stripe.update("customer", customer_id, {"balance": balance, "metadata": {mark: str(used)}})
    log.info("credit_returned", invoice=invoice["id"], amount=used, currency=invoice["currency"])


def _used(invoice: StripeObject) -> int:
    """In minor units. A negative balance is the customer's credit."""
    ending = invoice.get("ending_balance")
    return 0 if ending is None else int(ending - invoice["starting_balance"])
