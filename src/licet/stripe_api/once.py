"""Creates an object at Stripe exactly once, even if several processes try."""

from typing import Any

from licet.errors import StripeUnavailable
from licet.stripe_api.client import StripeApi
from licet.stripe_api.failures import is_replayed

MAX_NUMBERED_KEYS = 4
"""How many keys are tried: the given one, and three more after stored failures."""


async def create_once(stripe: StripeApi, kind: str, params: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
    """Creates the object for this key, or returns the one that was created with it.

    Stripe stores the first response to a key for a day, also a 500, and returns it to every later call, so that such a
    key could create nothing until the next day. All callers then use the same next key, so that the object is still
    created once. Raises CardDeclined, StripeRefused, StripeUnavailable.
    """
    for number in range(1, MAX_NUMBERED_KEYS):
        try:
            return await stripe.create(kind, params, _numbered(idempotency_key, number))
        except StripeUnavailable as error:
            if not is_replayed(error):
                raise
    return await stripe.create(kind, params, _numbered(idempotency_key, MAX_NUMBERED_KEYS))


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else f"{key}-{number}"
