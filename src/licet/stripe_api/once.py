"""Making something at Stripe exactly once, however often and from wherever it is asked for."""

from typing import Any

from licet.errors import StripeUnavailable
from licet.stripe_api.client import StripeApi
from licet.stripe_api.failures import is_replayed

KEYS = 4
"""How many keys are tried: the given one, and three more after answers that are kept failures."""


async def create_once(stripe: StripeApi, kind: str, params: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
    """The one object that this key makes.

    Stripe keeps a key's first answer for a day, a 500 too, and gives it to everyone who comes with that key: such a key
    would make nothing until tomorrow. Everyone then goes on to the same next key, so it is still made once.
    Raises what `StripeApi.create` raises.
    """
    for number in range(1, KEYS):
        try:
            return await stripe.create(kind, params, _numbered(idempotency_key, number))
        except StripeUnavailable as error:
            if not is_replayed(error):
                raise
    return await stripe.create(kind, params, _numbered(idempotency_key, KEYS))


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else f"{key}-{number}"
