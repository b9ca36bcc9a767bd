"""Finds the account of a verified token by issuer and subject, and creates it at the first request.

It is never found by email or externalId: a user who could set either at the provider could take another's account.
Source: contract, section 1; docs/decisions/oidc.md.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from licet.accounts.store import AccountRecord, find_oidc_account, upsert_oidc_account
from licet.db.pool import Pool
from licet.http.shapes import EmailAddress, Name
from licet.kit.ids import new_id
from licet.kit.storable import UNSTORABLE

if TYPE_CHECKING:
    from licet.oidc.provider import Identity

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailAddress)
MAX_NAME_CHARACTERS = 200


async def get_or_create_account(pool: Pool, identity: "Identity", now: datetime) -> UUID:
    """Returns the account's id. now: business time.

    A missing name or email address is filled in from a later token. Concurrent first requests get the same account.
    """
    async with pool.acquire() as conn:
        found = await find_oidc_account(conn, identity.issuer, identity.subject)
        if found is not None and found.name is not None and found.email is not None:
            return found.id
        claimed = _account(identity, now)
        if found is None or (found.name is None and claimed.name) or (found.email is None and claimed.email):
            found = await upsert_oidc_account(conn, claimed, identity.issuer, identity.subject)
    return found.id


def _account(identity: "Identity", now: datetime) -> AccountRecord:
    name = _valid_or_none(_NAME, identity.name and identity.name[:MAX_NAME_CHARACTERS])
    return AccountRecord(new_id(), "user", name, _valid_or_none(_EMAIL, identity.email), None, None, now)


def _valid_or_none(shape: TypeAdapter[Any], text: str | None) -> str | None:
    """The text as a request body would accept it, else None: an unusual name does not prevent signing in."""
    if text is None or UNSTORABLE.search(text):
        return None
    try:
        return str(shape.validate_python(text))
    except ValidationError:
        return None
