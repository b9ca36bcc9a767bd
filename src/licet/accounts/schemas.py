"""Response bodies for accounts."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from licet.accounts.store import AccountRecord
from licet.http.shapes import At, ResponseBody

AccountKind = Literal["user", "organization"]


class Account(ResponseBody):
    """A user or an organisation. `name` and `email` can be null if Stripe's customer has none."""

    id: UUID
    kind: AccountKind
    name: str | None = Field(examples=["Ada Lovelace"])
    email: str | None = Field(examples=["ada@example.com"])
    external_id: str | None = Field(examples=["customer-42"])
    customer_id: str | None = Field(
        description="The id of the Stripe customer. Null until the first purchase.", examples=["cus_1QxYz"]
    )
    created_at: At


def account_response(account: AccountRecord) -> Account:
    """The response body of an account, for its owner and for operators."""
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
