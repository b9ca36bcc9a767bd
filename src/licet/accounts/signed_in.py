"""The account of whom the identity provider vouches for: found by issuer and subject alone, made at first sight.

Never by e-mail or externalId: whoever could choose either at the provider would choose somebody else's.
Source: contract, section 1; docs/decisions/oidc.md.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from licet.accounts.store import AccountRecord, find_signed_in, insert_signed_in
from licet.db.pool import Pool
from licet.http.json_body import UNSTORABLE
from licet.http.shapes import EmailAddress, Name
from licet.kit.ids import new_id

if TYPE_CHECKING:
    from licet.oidc.provider import Identity

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailAddress)
MAX_NAME_CHARACTERS = 200


async def account_of(pool: Pool, identity: "Identity", now: datetime) -> UUID:
    """Its id. What the account lacks, name or address, is taken from a later token that has it. now: business time.

    However many requests of one newcomer race, they get one account.
    """
    async with pool.acquire() as conn:
        found = await find_signed_in(conn, identity.issuer, identity.subject)
        if found is not None and found.name is not None and found.email is not None:
            return found.id
        told = _account(identity, now)
        if found is None or (found.name is None and told.name) or (found.email is None and told.email):
            found = await insert_signed_in(conn, told, identity.issuer, identity.subject)
    return found.id


def _account(identity: "Identity", now: datetime) -> AccountRecord:
    name = _if_it_fits(_NAME, identity.name and identity.name[:MAX_NAME_CHARACTERS])
    return AccountRecord(new_id(), "user", name, _if_it_fits(_EMAIL, identity.email), None, None, now)


def _if_it_fits(shape: TypeAdapter[Any], text: str | None) -> str | None:
    """As it would be taken from a caller of ours, or None: nobody is kept out over an odd name."""
    if text is None or UNSTORABLE.search(text):
        return None
    try:
        return str(shape.validate_python(text))
    except ValidationError:
        return None
