"""An object that was read from Stripe, or that a call to Stripe answered, walks the same way as an event's.

It is applied only if nothing newer came while Stripe was asked: the object's revision is taken before asking and
compared under the object's locks; where it differs, Stripe is asked again.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from licet.db.mirrors import find_mirror, find_revision
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject
from licet.kit.versions import Rank, Version
from licet.licenses.write import ChangeContext
from licet.stripe_api.client import StripeApi
from licet.stripe_events.apply import apply_read, lock_joined
from licet.stripe_events.event import clean

log = structlog.get_logger(__name__)

Ask = Callable[[], Awaitable[StripeObject | None]]


async def read(context: Context, stripe: StripeApi, kind: str, stripe_id: str, cause: Cause) -> StripeObject | None:
    """Read one object and apply it, again while it changes under our hands. None where Stripe has no such one.

    stripe: `context.stripe` where somebody waits for it, else `context.stripe.in_background`.
    Raises what Stripe's door raises.
    """

    async def ask() -> StripeObject | None:
        return await _whole(stripe, kind, stripe_id)

    while True:
        obj, settled = await _ask_once(context, kind, stripe_id, cause, ask)
        if settled:
            return obj


async def change(context: Context, kind: str, stripe_id: str, cause: Cause, ask: Ask) -> StripeObject | None:
    """Have Stripe change an object, and apply the state that it answers before anybody else tells us.

    ask: makes the change and returns what the object is then, which is returned. Raises what it raises.
    """

    async def ask_for_all() -> StripeObject | None:
        obj = await ask()
        return None if obj is None else await _completed(context.stripe, kind, obj)

    obj, settled = await _ask_once(context, kind, stripe_id, cause, ask_for_all)
    if obj is not None and not settled:
        await read(context, context.stripe, kind, obj["id"], cause)
    return obj


async def _ask_once(
    context: Context, kind: str, stripe_id: str, cause: Cause, ask: Ask
) -> tuple[StripeObject | None, bool]:
    """What Stripe says, and whether that is settled; it is not where something newer came meanwhile."""
    async with context.pool.acquire() as conn:
        revision = await find_revision(conn, stripe_id)
    asked_at = context.now()
    obj = await ask()
    if obj is None:
        log.info("stripe_has_no_such_object", kind=kind, stripe_id=stripe_id)
        return None, True
    version = Version(clean(obj), asked_at, Rank.DELETED if obj.get("deleted") else Rank.OTHER, was_read=True)
    return obj, await _apply(context, kind, version, revision, cause)


async def _apply(context: Context, kind: str, version: Version, revision: int, cause: Cause) -> bool:
    async with context.pool.acquire() as conn, conn.transaction():
        await lock_joined(conn, version.object)
        if await find_revision(conn, version.object["id"]) != revision:
            # Another caller has read the very same: asking again would only keep him asking, too.
            held = await find_mirror(conn, version.object["id"])
            return held is not None and held.version.object == version.object
        await apply_read(conn, kind, version, ChangeContext(context.keyring, cause, context.now()))
        return True


async def _whole(stripe: StripeApi, kind: str, stripe_id: str) -> StripeObject | None:
    """The object with all its parts."""
    obj = await stripe.retrieve(kind, stripe_id, _EXPAND.get(kind, ()))
    return None if obj is None else await _completed(stripe, kind, obj)


async def _completed(stripe: StripeApi, kind: str, obj: StripeObject) -> StripeObject:
    """The same object, a list in it that Stripe cut off being read to its end."""
    if kind in _LISTS:
        name, item, owner = _LISTS[kind]
        if obj.get(name, {}).get("has_more"):
            everything = [one async for one in stripe.list_all(item, **{owner: obj["id"]})]
            obj[name] = {**obj[name], "data": everything, "has_more": False}
    return obj


_EXPAND: Mapping[str, tuple[str, ...]] = {"checkout.session": ("line_items",), "invoice": ("payments",)}
"""By kind, what an object does not show by itself."""

_LISTS: Mapping[str, tuple[str, str, str]] = {
    "checkout.session": ("line_items", "item", "session"),
    "invoice": ("lines", "line_item", "invoice"),
    "subscription": ("items", "subscription_item", "subscription"),
}
"""By kind: the list in it that may be cut off, the kind of its items, and the parameter that names their owner."""
