"""A vendor's system that is told of what happens: a listener, and the endpoint that names it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook
from tests.support.listener import Listener, listening
from tests.support.shop import Shop

ENDPOINTS = "/api/webhook-endpoints"


@dataclass
class Hook:
    """An endpoint of a shop, and the machine behind it."""

    shop: Shop
    id: str
    secret: str
    listener: Listener

    def arrived(self, *events: str) -> list[dict[str, Any]]:
        """The bodies received so far, in order; only of these events where some are named.

        Each was signed, or this raises.
        """
        verifier = Webhook(self.secret)
        bodies = []
        for head, body in self.listener.requests:
            headers = headers_of(head)
            told: dict[str, Any] = verifier.verify(body, headers)
            assert headers["webhook-id"] == told["id"]
            assert headers["x-licet-event"] == told["event"]
            if not events or told["event"] in events:
                bodies.append(told)
        return bodies

    def one(self, event: str) -> dict[str, Any]:
        """The `data` of the only event of its name."""
        (told,) = self.arrived(event)
        data: dict[str, Any] = told["data"]
        return data

    def names(self) -> list[str]:
        """The events that came, sorted."""
        return sorted(one["event"] for one in self.arrived())

    async def deliveries(self, **params: Any) -> list[dict[str, Any]]:
        """What the endpoint's list says, the newest first."""
        found = await self.shop.get(f"{ENDPOINTS}/{self.id}/deliveries", limit=100, **params)
        data: list[dict[str, Any]] = found["data"]
        return data

    async def endpoint(self) -> dict[str, Any]:
        """The endpoint as it is shown."""
        shown: dict[str, Any] = await self.shop.get(f"{ENDPOINTS}/{self.id}")
        return shown

    async def change(self, **body: Any) -> dict[str, Any]:
        """PATCH it, which must succeed."""
        answer = await self.shop.api("PATCH", f"{ENDPOINTS}/{self.id}", json=body)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def replay(self, delivery_id: str) -> None:
        """Have it delivered again, which must be accepted."""
        answer = await self.shop.api("POST", f"{ENDPOINTS}/{self.id}/deliveries/{delivery_id}/replay")
        assert answer.status_code == 200, answer.text


def headers_of(head: bytes) -> dict[str, str]:
    """The headers of a request, their names in lower case."""
    lines = head.decode().split("\r\n")[1:]
    pairs = (line.split(": ", 1) for line in lines if line)
    return {name.lower(): value for name, value in pairs}


@asynccontextmanager
async def hooked(shop: Shop, *events: str) -> AsyncIterator[Hook]:
    """An endpoint that listens for these events, or for all; the shop must allow 127.0.0.1."""
    async with listening() as listener:
        body = {"url": f"http://127.0.0.1:{listener.port}/licet", "events": list(events) or ["*"]}
        answer = await shop.api("POST", ENDPOINTS, json=body)
        assert answer.status_code == 201, answer.text
        yield Hook(shop, answer.json()["id"], answer.json()["secret"], listener)
