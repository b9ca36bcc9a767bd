"""Applies Stripe's answer to a read or a change in the same way as an event.

An answer is applied only if nothing newer was stored during the call: the object's revision is read before the call
and compared afterwards, under the object's locks. If it differs, the object is read again.

The changes raise CardDeclined, StripeRefused and StripeUnavailable; the read raises the last two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from licet.db.mirrors import find_mirror, find_revision
from licet.errors import StripeRefused
from licet.http.context import Context
from licet.kit.cause import Cause
from licet.kit.stripe_objects import StripeObject, with_ids
from licet.kit.versions import DELETABLE, Rank, Version
from licet.licenses.write import ChangeContext
from licet.stripe_api.client import StripeApi
from licet.stripe_api.failures import is_missing_here
from licet.stripe_events.apply import apply_read, lock_joined
from licet.stripe_events.event import clean


@dataclass(frozen=True)
class Baseline:
    """The revision of an object's mirror before a call to Stripe, and the business time of the call."""

    revision: int
    at: datetime


async def read(ctx: Context, stripe: StripeApi, kind: str, stripe_id: str, cause: Cause) -> StripeObject | None:
    """Read an object from Stripe and apply it. None if Stripe has no such object.

    stripe: `ctx.stripe` if a caller waits for the answer, else `ctx.stripe.in_background`.
    """
    while True:
        before = await baseline(ctx, stripe_id)
        obj = await _retrieve_whole(stripe, kind, stripe_id)
        if obj is None:
            gone = {"id": stripe_id, "object": kind, "deleted": True}
            if not await _may_delete(ctx, kind, stripe_id) or await _apply_unless_newer(ctx, kind, gone, before, cause):
                return None
            continue
        if await _apply_unless_newer(ctx, kind, obj, before, cause):
            return obj


async def _may_delete(ctx: Context, kind: str, stripe_id: str) -> bool:
    """Whether Stripe's answer that it has no such object deletes our copy of it. Not if there is none."""
    if kind not in DELETABLE:
        return False
    async with ctx.pool.acquire() as conn:
        stored = await find_mirror(conn, stripe_id)
    return stored is not None and stored.version.rank is not Rank.DELETED


async def update(ctx: Context, kind: str, stripe_id: str, params: dict[str, Any], cause: Cause) -> StripeObject:
    """Update an object at Stripe and apply the answer, which is returned as Stripe sent it."""
    before = await baseline(ctx, stripe_id)
    return await apply_answer(ctx, kind, await ctx.stripe.update(kind, stripe_id, params), before, cause)


async def act(
    ctx: Context, kind: str, stripe_id: str, verb: str, cause: Cause, *, params: dict[str, Any] | None = None
) -> StripeObject:
    """Call one of Stripe's verbs on an object (`pay`, `release`) and apply the answer, which is returned."""
    before = await baseline(ctx, stripe_id)
    return await apply_answer(ctx, kind, await ctx.stripe.act(kind, stripe_id, verb, params), before, cause)


async def delete(ctx: Context, kind: str, stripe_id: str, cause: Cause) -> StripeObject:
    """Delete an object at Stripe (a subscription: cancel it) and apply the answer, which is returned."""
    before = await baseline(ctx, stripe_id)
    return await apply_answer(ctx, kind, await ctx.stripe.delete(kind, stripe_id), before, cause)


async def baseline(ctx: Context, stripe_id: str) -> Baseline:
    """The object's revision before a call to Stripe, for `apply_answer`."""
    async with ctx.pool.acquire() as conn:
        return Baseline(await find_revision(conn, stripe_id), ctx.now())


async def apply_answer(ctx: Context, kind: str, answer: StripeObject, before: Baseline, cause: Cause) -> StripeObject:
    """Apply an object that Stripe answered; read it instead if something newer was stored meanwhile.

    Returns `answer`.
    """
    obj = await _with_whole_list(ctx.stripe, kind, answer)
    if not await _apply_unless_newer(ctx, kind, obj, before, cause):
        await read(ctx, ctx.stripe, kind, obj["id"], cause)
    return answer


async def _apply_unless_newer(ctx: Context, kind: str, obj: StripeObject, before: Baseline, cause: Cause) -> bool:
    """Return False if something newer than `before` was stored, so that the object must be read again."""
    rank = Rank.DELETED if obj.get("deleted") else Rank.OTHER
    version = Version(clean(with_ids(obj)), before.at, rank, was_read=True)
    async with ctx.pool.acquire() as conn, conn.transaction():
        await lock_joined(conn, version.object)
        if await find_revision(conn, version.object["id"]) != before.revision:
            # If another caller has stored the same state, reading it again would only make that caller read again too.
            stored = await find_mirror(conn, version.object["id"])
            return stored is not None and stored.version.object == version.object
        await apply_read(conn, kind, version, ChangeContext(ctx.keyring, cause, ctx.now))
        return True


async def _retrieve_whole(stripe: StripeApi, kind: str, stripe_id: str) -> StripeObject | None:
    obj = await stripe.retrieve(kind, stripe_id, _EXPAND.get(kind, ()))
    try:
        return None if obj is None else await _with_whole_list(stripe, kind, obj)
    except StripeRefused as error:
        if not is_missing_here(error):
            raise
        return None  # Deleted since it was retrieved.


async def _with_whole_list(stripe: StripeApi, kind: str, obj: StripeObject) -> StripeObject:
    """The object with its list completed, if Stripe returned only the first part of it."""
    if kind in _LISTS:
        name, item, owner = _LISTS[kind]
        if obj.get(name, {}).get("has_more"):
            items = [found async for found in stripe.list_all(item, **{owner: obj["id"]})]
            return {**obj, name: {**obj[name], "data": items, "has_more": False}}
    return obj


_EXPAND: Mapping[str, tuple[str, ...]] = {"checkout.session": ("line_items",), "invoice": ("payments",)}
"""By kind, the fields that Stripe leaves out unless they are expanded."""

_LISTS: Mapping[str, tuple[str, str, str]] = {
    "checkout.session": ("line_items", "item", "session"),
    "invoice": ("lines", "line_item", "invoice"),
    "subscription": ("items", "subscription_item", "subscription"),
}
"""By kind: the list in it that Stripe may cut off, the kind of its items, and the parameter that names their owner."""
