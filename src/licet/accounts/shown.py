"""An account as it is shown."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from licet.accounts.store import AccountRecord
from licet.http.shapes import At, ResponseBody

Kind = Literal["user", "organization"]


class Account(ResponseBody):
    """An account. One that came with its Stripe customer may have no name and no e-mail."""

    id: UUID
    kind: Kind
    name: str | None = Field(examples=["Ada Lovelace"])
    email: str | None = Field(examples=["ada@example.com"])
    external_id: str | None = Field(examples=["customer-42"])
    customer_id: str | None = Field(description="Stripe's; null until the first purchase.", examples=["cus_1QxYz"])
    created_at: At


def shown(account: AccountRecord) -> Account:
    """The account as its owner and operators see it."""
    return Account.model_validate(
        {
            "id": account.id,
            "kind": account.kind,
            "name": account.name,
            "email": account.email,
            "external_id": account.external_id,
            "customer_id": account.stripe_customer_id,
            "created_at": account.created_at,
        }
    )
