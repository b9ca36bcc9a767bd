"""Authentication: from an API key, or a token of the vendor's identity provider, to a caller."""

from typing import TYPE_CHECKING

from fastapi import Request
from structlog.contextvars import bind_contextvars

from licet.accounts.core import Caller
from licet.accounts.keys import find_key_mode, hash_key, key_mode
from licet.accounts.oidc_account import get_or_create_account
from licet.accounts.store import find_key
from licet.errors import Unauthorized
from licet.http.context import Context, context_of
from licet.http.credentials import is_token
from licet.kit.times import wall_now

if TYPE_CHECKING:
    from licet.oidc.provider import IdentityProvider

_TOKEN_SCOPES = frozenset({"read", "write"})
"""On the subject's own account. Scopes that a token claims are ignored."""


async def authenticate_caller(request: Request, credential: str) -> Caller:
    """Returns the caller of a credential, with one query. Adds the caller to the request's log context.

    Raises Unauthorized with the reason; IdentityProviderUnavailable if a token cannot be verified now.
    """
    ctx = context_of(request)
    if is_token(credential):
        caller = await _token_caller(ctx, request.app.state.identity_provider, credential)
    else:
        caller = await _key_caller(ctx, credential)
    if caller.key_id is not None:
        request.app.state.last_used.note(caller.key_id, wall_now())
        bind_contextvars(api_key_id=str(caller.key_id))
    if caller.account_id is not None:
        bind_contextvars(account_id=str(caller.account_id))
    return caller


async def _token_caller(ctx: Context, provider: "IdentityProvider | None", token: str) -> Caller:
    if provider is None:
        raise Unauthorized("No identity provider is configured, so tokens are not accepted. Send an API key.")
    identity = await provider.identify(token)
    return Caller(None, await get_or_create_account(ctx.pool, identity, ctx.now()), _TOKEN_SCOPES)


async def _key_caller(ctx: Context, key: str) -> Caller:
    """Looks the key up at each request, so that a revoked key is refused on every node at once."""
    mode = find_key_mode(key)
    if mode is None:
        raise Unauthorized("This is not an API key of this service. Compare it with the key that you were given.")
    if mode != key_mode(ctx.settings):
        raise Unauthorized(
            f"This is a {mode} key, and this service runs in {ctx.settings.mode} mode. Send a key of that mode."
        )
    async with ctx.pool.acquire() as conn:
        found = await find_key(conn, hash_key(key))
    if found is None:
        raise Unauthorized("This API key is unknown. Compare it with the key that you were given.")
    if found.revoked_at is not None:
        raise Unauthorized("This API key was revoked. Ask an operator for a new one.")
    if found.expires_at is not None and found.expires_at <= wall_now():
        raise Unauthorized("This API key has expired. Ask an operator for a new one.")
    return Caller(found.id, found.account_id, frozenset(found.scopes))
