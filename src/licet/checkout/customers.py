"""The Stripe customer that an account buys as: made once, however many checkouts race for it.

All of them come with the same idempotency key and the same parameters, so Stripe makes one; e-mail and name, which may
change between two tries, are told to it afterwards. A crash before our own row is written repeats all of it, and ends
at the same customer.
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
"""How many customers in a row may turn out to be deleted: Stripe replays a key's answer after the deletion too."""


async def customer_of(buyer: Buyer, pool: Pool, stripe: StripeApi) -> str:
    """The Stripe id of the account's customer, made now if need be. No transaction is open while Stripe is asked."""
    if buyer.stripe_customer_id is None or buyer.customer_deleted:
        return await make_customer(buyer, pool, stripe, instead_of=buyer.stripe_customer_id)
    if buyer.customer_is_blank:
        # Whoever made it did not come to the second step.
        await _update_customer(stripe, buyer, buyer.stripe_customer_id)
    return buyer.stripe_customer_id


async def as_customer(buyer: Buyer, pool: Pool, stripe: StripeApi, ask: Callable[[str], Awaitable[T]]) -> T:
    """What Stripe answers when it is asked as the account's customer; asked again as a new one where it lost that one.

    ask: of the customer's Stripe id. Raises what it raises.
    """
    stripe_customer_id = await customer_of(buyer, pool, stripe)
    try:
        return await ask(stripe_customer_id)
    except StripeRefused as refused:
        if not is_missing(refused, "customer"):
            raise
        log.warning("stripe customer is gone", account_id=str(buyer.account_id), customer=stripe_customer_id)
    return await ask(await make_customer(buyer, pool, stripe, instead_of=stripe_customer_id))


async def make_customer(buyer: Buyer, pool: Pool, stripe: StripeApi, *, instead_of: str | None) -> str:
    """A new customer for the account; instead_of: the one that Stripe no longer has."""
    deleted = instead_of
    for _ in range(MAX_CUSTOMER_TRIES):
        key = f"licet-customer-{buyer.account_id}" + (f"-after-{deleted}" if deleted else "")
        made = await create_once(stripe, "customer", {"metadata": {"account_id": str(buyer.account_id)}}, key)
        if await _update_customer(stripe, buyer, made["id"]):
            return await write_customer(pool, buyer, made["id"], instead_of)
        deleted = made["id"]
    raise StripeRefused(
        "Each customer that Stripe makes for this account is deleted there at once: look who does that."
    )


async def _update_customer(stripe: StripeApi, buyer: Buyer, stripe_customer_id: str) -> bool:
    """Give the customer the account's e-mail and name; False where Stripe does not have it any more."""
    known = {"email": buyer.email, "name": buyer.name and buyer.name[:256]}
    try:
        try:
            await stripe.update("customer", stripe_customer_id, _without_empty(known))
        except StripeRefused as refused:
            if refused.details.get("param") != "email":
                raise
            # Stripe is stricter about addresses than we are; without one it asks the buyer.
            log.warning("stripe does not take this e-mail address", account_id=str(buyer.account_id))
            await stripe.update("customer", stripe_customer_id, _without_empty({"name": known["name"]}))
    except StripeRefused as refused:
        if is_missing(refused):
            return False
        raise
    return True


def _without_empty(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
