"""A customer who visits the portal, without a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    from tests.sandbox.play import Play

RETURN = "https://shop.example/account"
CARD = {"card": "4242 4242 4242 4242", "expiry": "12 / 40", "cvc": "123"}
ALL: dict[str, Any] = {
    "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "phone", "address", "shipping"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True},
    "subscription_pause": {"enabled": True, "duration": {"type": "indefinite"}},
}


@dataclass
class PortalVisit:
    """One session of one customer."""

    play: Play
    session: Any

    @property
    def path(self) -> str:
        return f"/p/session/{self.session.id}"

    async def get(self, path: str = "") -> httpx.Response:
        return await self.play.http.get(self.path + path)

    async def post(self, path: str, **form: Any) -> httpx.Response:
        return await self.play.http.post(self.path + path, data=form)

    async def posted(self, path: str, to: str = "", **form: Any) -> None:
        """The form was taken, and leads to this page of the portal."""
        answer = await self.post(path, **form)
        assert (answer.status_code, answer.headers.get("location")) == (303, self.path + to), answer.text

    async def subscription(self, subscription_id: str) -> Any:
        return await self.play.api.subscriptions.retrieve_async(subscription_id)


def update_feature(*prices: Any, **more: Any) -> dict[str, Any]:
    """The configuration's `subscription_update`, with these plans."""
    products: dict[str, list[str]] = {}
    for price in prices:
        products.setdefault(price.product, []).append(price.id)
    return {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "proration_behavior": "always_invoice",
        "products": [{"product": product, "prices": named} for product, named in products.items()],
        **more,
    }


async def visit(play: Play, customer: str, features: Any = None, **more: Any) -> PortalVisit:
    """A session that may do all of this: by default everything but changing plans."""
    given = {"features": features or ALL}
    configuration = await play.api.billing_portal.configurations.create_async(given)
    session = await play.api.billing_portal.sessions.create_async(
        {"customer": customer, "configuration": configuration.id, "return_url": RETURN, **more}
    )
    return PortalVisit(play, session)
