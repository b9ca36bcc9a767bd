"""Creates the Stripe customer of an account, once, even if several checkouts run concurrently.

All of them send the same idempotency key and parameters, so Stripe creates one customer. Email and name, which may
change between two attempts, are set by an update afterwards. If the process dies before the customer is stored, the
next attempt repeats all steps and gets the same customer.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from licet.checkout.store import Buyer, write_customer
from licet.db.pool import Pool
from licet.errors import StripeRefused
from licet.stripe_api.client import StripeApi
from licet.stripe_api.failures import is_missing
from licet.stripe_api.once import create_once

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_CUSTOMER_TRIES = 5
"""How many idempotency keys are tried. Stripe replays a key's response even if the customer was deleted since."""


async def get_or_create_customer(buyer: Buyer, pool: Pool, stripe: StripeApi) -> str:
    """Return the account's Stripe customer; create it if needed. Call it outside a transaction."""
    if buyer.stripe_customer_id is None or buyer.customer_deleted:
        return await make_customer(buyer, pool, stripe, instead_of=buyer.stripe_customer_id)
    if buyer.customer_is_blank:
        # The process that created it died before the update.
        await _update_customer(stripe, buyer, buyer.stripe_customer_id)
    return buyer.stripe_customer_id


async def with_customer(buyer: Buyer, pool: Pool, stripe: StripeApi, call: Callable[[str], Awaitable[T]]) -> T:
    """Call `call` with the account's Stripe customer; if Stripe has lost it, again with a new one.

    Raises what `call` raises.
    """
    stripe_customer_id = await get_or_create_customer(buyer, pool, stripe)
    try:
        return await call(stripe_customer_id)
    except StripeRefused as refused:
        if not is_missing(refused, "customer"):
            raise
        log.warning("stripe_customer_is_gone", account_id=str(buyer.account_id), customer=stripe_customer_id)
    return await call(await make_customer(buyer, pool, stripe, instead_of=stripe_customer_id))


async def make_customer(buyer: Buyer, pool: Pool, stripe: StripeApi, *, instead_of: str | None) -> str:
    """Create a customer for the account and store it. instead_of: the one that Stripe no longer has."""
    deleted = instead_of
    for _ in range(MAX_CUSTOMER_TRIES):
        key = f"licet-customer-{buyer.account_id}" + (f"-after-{deleted}" if deleted else "")
        customer = await create_once(stripe, "customer", {"metadata": {"account_id": str(buyer.account_id)}}, key)
        if await _update_customer(stripe, buyer, customer["id"]):
            return await write_customer(pool, buyer, customer["id"], instead_of)
        deleted = customer["id"]
    raise StripeRefused(
        "Every customer created for this account is deleted at Stripe at once. Find out what deletes them."
    )


async def _update_customer(stripe: StripeApi, buyer: Buyer, stripe_customer_id: str) -> bool:
    """Set the customer's email and name. Returns False if Stripe no longer has the customer."""
    fields = {"email": buyer.email, "name": buyer.name and buyer.name[:256]}
    try:
        try:
            await stripe.update("customer", stripe_customer_id, _without_empty(fields))
        except StripeRefused as refused:
            if refused.details.get("param") != "email":
                raise
            # Stripe accepts fewer addresses than Licet. Without one, its page asks the buyer.
            log.warning("stripe_refused_email_address", account_id=str(buyer.account_id))
            await stripe.update("customer", stripe_customer_id, _without_empty({"name": fields["name"]}))
    except StripeRefused as refused:
        if is_missing(refused):
            return False
        raise
    return True


def _without_empty(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
