"""A vendor's system that receives outgoing webhooks: a listener and its webhook endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook
from tests.support.listener import Listener, open_listener
from tests.support.shop import Shop

ENDPOINTS = "/api/webhook-endpoints"


@dataclass
class Hook:
    """A webhook endpoint of a shop, and the listener behind it."""

    shop: Shop
    id: str
    secret: str
    listener: Listener

    def arrived(self, *events: str) -> list[dict[str, Any]]:
        """The bodies received so far, in order; of these events only, if any are named.

        Raises if one is not signed.
        """
        verifier = Webhook(self.secret)
        bodies = []
        for head, body in self.listener.requests:
            headers = headers_of(head)
            event_body: dict[str, Any] = verifier.verify(body, headers)
            assert headers["webhook-id"] == event_body["id"]
            assert headers["x-licet-event"] == event_body["event"]
            if not events or event_body["event"] in events:
                bodies.append(event_body)
        return bodies

    def one(self, event: str) -> dict[str, Any]:
        """The `data` of the only event with this name."""
        (event_body,) = self.arrived(event)
        data: dict[str, Any] = event_body["data"]
        return data

    def names(self) -> list[str]:
        """The names of the received events, sorted."""
        return sorted(one["event"] for one in self.arrived())

    async def deliveries(self, **params: Any) -> list[dict[str, Any]]:
        """The endpoint's deliveries, newest first."""
        found = await self.shop.get(f"{ENDPOINTS}/{self.id}/deliveries", limit=100, **params)
        data: list[dict[str, Any]] = found["data"]
        return data

    async def endpoint(self) -> dict[str, Any]:
        """The endpoint, as the API returns it."""
        endpoint: dict[str, Any] = await self.shop.get(f"{ENDPOINTS}/{self.id}")
        return endpoint

    async def change(self, **body: Any) -> dict[str, Any]:
        """Updates the endpoint; the update must succeed."""
        answer = await self.shop.api("PATCH", f"{ENDPOINTS}/{self.id}", json=body)
        assert answer.status_code == 200, answer.text
        endpoint: dict[str, Any] = answer.json()
        return endpoint

    async def replay(self, delivery_id: str) -> None:
        """Replays a delivery; the call must succeed."""
        answer = await self.shop.api("POST", f"{ENDPOINTS}/{self.id}/deliveries/{delivery_id}/replay")
        assert answer.status_code == 200, answer.text


def headers_of(head: bytes) -> dict[str, str]:
    """The headers of a request, their names in lower case."""
    lines = head.decode().split("\r\n")[1:]
    pairs = (line.split(": ", 1) for line in lines if line)
    return {name.lower(): value for name, value in pairs}


@asynccontextmanager
async def open_hook(shop: Shop, *events: str) -> AsyncIterator[Hook]:
    """Creates an endpoint for these events, or for all. The shop must allow 127.0.0.1."""
    async with open_listener() as listener:
        body = {"url": f"http://127.0.0.1:{listener.port}/licet", "events": list(events) or ["*"]}
        answer = await shop.api("POST", ENDPOINTS, json=body)
        assert answer.status_code == 201, answer.text
        yield Hook(shop, answer.json()["id"], answer.json()["secret"], listener)
