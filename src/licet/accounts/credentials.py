"""From a credential to who is calling: an API key, or a token of the vendor's identity provider."""

from typing import TYPE_CHECKING

from fastapi import Request
from structlog.contextvars import bind_contextvars

from licet.accounts.core import Caller
from licet.accounts.keys import hash_of, mode_of, word_of_mode
from licet.accounts.signed_in import account_of
from licet.accounts.store import find_key
from licet.errors import Unauthorized
from licet.http.context import Context, context_of
from licet.kit.times import wall_now

if TYPE_CHECKING:
    from licet.oidc.provider import IdentityProvider

_OF_A_TOKEN = frozenset({"read", "write"})
"""On its own account, whatever it claims."""


async def identify(request: Request, credential: str) -> Caller:
    """Whose it is, by one query. Raises Unauthorized, saying why it does not hold.

    What the request logs from now on names the caller.
    """
    ctx = context_of(request)
    if _is_token(credential):
        caller = await _signed_in(ctx, request.app.state.identity_provider, credential)
    else:
        caller = await _key_holder(ctx, credential)
    if caller.key_id is not None:
        request.app.state.last_used.note(caller.key_id, wall_now())
        bind_contextvars(api_key_id=str(caller.key_id))
    if caller.account_id is not None:
        bind_contextvars(account_id=str(caller.account_id))
    return caller


def _is_token(credential: str) -> bool:
    """A JWT has three parts; no API key has a dot in it."""
    return credential.count(".") == 2


async def _signed_in(ctx: Context, provider: "IdentityProvider | None", token: str) -> Caller:
    if provider is None:
        raise Unauthorized("No identity provider is set up here, so only API keys are accepted.")
    identity = await provider.identify(token)
    return Caller(None, await account_of(ctx.pool, identity, ctx.now()), _OF_A_TOKEN)


async def _key_holder(ctx: Context, key: str) -> Caller:
    """Looked up each time, so that a key revoked on one node opens nothing on any other."""
    mode = mode_of(key)
    if mode is None:
        raise Unauthorized("This is no API key of this service.")
    if mode != word_of_mode(ctx.settings):
        raise Unauthorized(f"This is a {mode} key, and this service runs in {ctx.settings.mode} mode.")
    async with ctx.pool.acquire() as conn:
        found = await find_key(conn, hash_of(key))
    if found is None:
        raise Unauthorized("This API key is not known here.")
    if found.revoked_at is not None:
        raise Unauthorized("This API key was revoked.")
    if found.expires_at is not None and found.expires_at <= wall_now():
        raise Unauthorized("This API key has expired.")
    return Caller(found.id, found.account_id, frozenset(found.scopes))
