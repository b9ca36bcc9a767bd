"""The context of a process (settings, pool, clock, Stripe), and the route parameter that provides it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

if TYPE_CHECKING:
    from licet.config import Settings
    from licet.db.keyring import Keyring
    from licet.db.pool import Pool
    from licet.kit.times import Now
    from licet.stripe_api.client import StripeApi

EVENTS_AT_ONCE = 8
"""How many of Stripe's events are handled at once: half of the pool. The other connections are left to the API. More
than about 8 transactions at once make each of them slower."""


@dataclass(frozen=True)
class Context:
    """The shared objects of a process, created at its start and never changed.

    now:     business time. Wall time is `kit.times.wall_now`.
    stripe:  the client of Stripe
    keyring: encrypts and decrypts what must be shown again, such as license keys
    event_slots: limits how many of Stripe's events are handled at once
    """

    settings: Settings
    pool: Pool
    now: Now
    stripe: StripeApi
    keyring: Keyring
    event_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EVENTS_AT_ONCE))


def context_of(request: Request) -> Context:
    """The context of the application, which `create_app` puts into `app.state.context`."""
    return cast("Context", request.app.state.context)


Ctx = Annotated[Context, Depends(context_of)]
"""A route's parameter: `ctx: Ctx`."""
