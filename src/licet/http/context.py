"""What a request's code works with, and how a route gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

if TYPE_CHECKING:
    from licet.config import Settings
    from licet.db.keyring import Keyring
    from licet.db.pool import Pool
    from licet.kit.times import Now
    from licet.stripe_api.client import StripeApi


@dataclass(frozen=True)
class Context:
    """The one set of tools of a process, made where it starts and never changed.

    now:     business time; wall time is `kit.times.wall_now`
    stripe:  the one door to Stripe
    keyring: closes and opens what must be shown again, such as license keys
    """

    settings: Settings
    pool: Pool
    now: Now
    stripe: StripeApi
    keyring: Keyring


def context_of(request: Request) -> Context:
    """The context that `create_app` put into `app.state.context`."""
    return cast("Context", request.app.state.context)


Ctx = Annotated[Context, Depends(context_of)]
"""A route's parameter: `ctx: Ctx`."""
