"""Who is in the story."""

from dataclasses import dataclass, field

from licet.demo.shop import Shop


@dataclass
class DemoCustomer:
    """A customer of the vendor, with an account and an API key of their own."""

    name: str
    email: str
    account_id: str
    api_key: str = field(repr=False)
    session_id: str = field(default="", repr=False)
    """Their newest checkout's."""
    license_shown: str | None = None
    """Their license's key, shortened: it stays the same whatever happens."""


@dataclass(frozen=True)
class DemoDelivery:
    """One event as the sandbox sent it. id: of the delivery."""

    id: int
    event_id: str


@dataclass
class Cast:
    """Everybody, and what is remembered from one chapter to another. purchase: what Stripe told of Ada's."""

    ada: DemoCustomer
    grace: DemoCustomer
    purchase: list[DemoDelivery] = field(default_factory=list)


def assemble(shop: Shop) -> Cast:
    """Accounts and keys are the operator's to make."""
    return Cast(_customer(shop, "Ada", "ada@example.com"), _customer(shop, "Grace", "grace@example.com"))


def _customer(shop: Shop, name: str, email: str) -> DemoCustomer:
    person = {"kind": "user", "name": name, "email": email}
    account_id = shop.licet("POST /api/admin/accounts", status=201, body=person).body["id"]
    wanted = {"name": f"{name}'s key", "scopes": ["read", "write"], "accountId": account_id}
    api_key = shop.licet("POST /api/admin/api-keys", status=201, body=wanted).body["key"]
    return DemoCustomer(name, email, account_id, api_key)
