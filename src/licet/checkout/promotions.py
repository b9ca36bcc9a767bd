"""Promotion codes, as Stripe keeps them."""

import re

from licet.checkout.session import invalid_promotion_code
from licet.stripe_api.client import StripeApi

_CODE = re.compile(r"[A-Za-z0-9-]{1,200}")


async def promotion_code_id(stripe: StripeApi, code: str, stripe_customer_id: str) -> str:
    """The Stripe id of an active code that this customer may use. Raises Unprocessable invalid_promotion_code.

    Minimum amounts and the like are Stripe's to judge, when the session is made.
    """
    if not _CODE.fullmatch(code):
        raise invalid_promotion_code()
    async for found in stripe.list_all("promotion_code", code=code, active=True):
        if found["customer"] in (None, stripe_customer_id):
            return str(found["id"])
    raise invalid_promotion_code()
