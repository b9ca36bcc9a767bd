"""An organisation that subscribes to plans through the Payments API."""

from dataclasses import dataclass
from typing import Any

import httpx
from tests.support.shop import Shop


@dataclass
class Organization:
    """Calls for one organisation. id: Licet's id; name: its `externalId`, which most calls send."""

    shop: Shop
    id: str
    name: str
    key: str

    async def ask(self, verb: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        """Sends `POST /payment/{verb}` for the organisation."""
        given = {"organizationId": self.name, **body}
        return await self.shop.api("POST", f"/payment/{verb}", key=key or self.key, json=given)

    async def done(self, verb: str, **body: Any) -> Any:
        """Sends `POST /payment/{verb}`, which must succeed; returns the JSON."""
        answer = await self.ask(verb, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def plans(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.shop.get(
            "/payment/subscription-plans", key=self.key, organizationId=self.name
        )
        return found

    async def plan(self, name: str, interval: str = "month") -> dict[str, str]:
        """`{productId, priceId}` of a plan by its name."""
        plan = next(one for one in await self.plans() if one["name"] == name)
        price = next(one for one in plan["prices"] if one["interval"] == interval)
        return {"productId": plan["productId"], "priceId": price["priceId"]}

    async def info(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.shop.get("/payment/customer-info", key=self.key, organizationId=self.name)
        return found

    async def features(self) -> list[str]:
        """The features that the organisation may use now."""
        return [one["feature"] for one in await self.shop.get("/api/entitlements", key=self.key)]

    async def session(self, name: str, interval: str = "month", **more: Any) -> str:
        """Creates a checkout of a plan; returns the session's id."""
        url: str = (await self.done("subscription-checkout", **await self.plan(name, interval), **more))["url"]
        return url.rsplit("/", 1)[-1]

    async def subscribe(self, name: str, interval: str = "month", card: str = "4242424242424242") -> str:
        """Creates and pays a checkout of a plan; returns the session's id."""
        session = await self.session(name, interval)
        paid = await self.shop.pay(session, card)
        assert paid.status_code == 200, paid.text
        await self.shop.settle()
        return session

    async def update(self, name: str, interval: str = "month", **more: Any) -> Any:
        return await self.done("subscription-update", **await self.plan(name, interval), **more)

    async def subscriptions(self) -> list[dict[str, Any]]:
        """All subscriptions, newest first, from the billing API."""
        path = "/api/billing/subscriptions"
        found: list[dict[str, Any]] = (await self.shop.get(path, key=self.key, status="all", limit=100))["data"]
        return found

    async def invoices(self) -> list[dict[str, Any]]:
        """All invoices, oldest first, from the billing API."""
        found: list[dict[str, Any]] = (await self.shop.get("/api/billing/invoices", key=self.key, limit=100))["data"]
        return found[::-1]


async def make_organization(shop: Shop, name: str = "acme") -> Organization:
    """Creates an organisation with an API key."""
    body = {"kind": "organization", "name": name.title(), "email": f"billing@{name}.example", "externalId": name}
    made = await shop.api("POST", "/api/admin/accounts", json=body)
    assert made.status_code == 201, made.text
    fields = {"name": name, "scopes": ["read", "write"], "accountId": made.json()["id"]}
    key = (await shop.api("POST", "/api/admin/api-keys", json=fields)).json()["key"]
    return Organization(shop, made.json()["id"], name, key)
