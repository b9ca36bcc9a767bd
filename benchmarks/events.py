"""What an event costs: from Stripe's POST to our 200, with all that follows from it committed.

python benchmarks/events.py [purchases] [at once] [endpoints of the vendor's]

It starts `licet up` on a throw-away directory, whose sandbox delivers nothing by itself: each account buys a license
product, its first renewal comes, and then every event that Stripe has of that is posted, signed, once. The vendor's
endpoints (none, unless their number is given) are machines that accept whatever they are sent.
"""

import asyncio
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

PRODUCT = "Shopify Connector"
MONTH_SECONDS = 32 * 86400
HEADERS = {"Content-Type": "application/json"}


class Shop:
    """A Licet that runs, and its sandbox."""

    def __init__(self, client: httpx.AsyncClient, said: dict[str, str]) -> None:
        self._client = client
        self._url, self._sandbox, self._secret = said["url"], said["sandboxUrl"], said["webhookSecret"]
        self._operator = {"Authorization": f"Bearer {said['operatorKey']}"}

    async def post(self, path: str, body: dict[str, Any], **params: str) -> Any:
        """Licet's answer to the operator, which must be a good one."""
        answer = await self._client.post(self._url + path, json=body, params=params, headers=self._operator)
        answer.raise_for_status()
        return answer.json()

    async def control(self, path: str, body: dict[str, Any]) -> None:
        """Tell the sandbox something."""
        (await self._client.post(f"{self._sandbox}/_sandbox/{path}", json=body)).raise_for_status()

    async def buy(self, number: int) -> None:
        """A new account's purchase, paid."""
        account = await self.post(
            "/api/admin/accounts", {"kind": "user", "name": "Ada", "email": f"ada-{number}@example.com"}
        )
        products = (await self._client.get(f"{self._url}/api/products")).json()["data"]
        product = next(one["id"] for one in products if one["name"] == PRODUCT)
        cart = {
            "items": [{"productId": product, "quantity": 1}],
            "successUrl": "http://localhost/thanks",
            "cancelUrl": "http://localhost/back",
        }
        session = (await self.post("/api/billing/checkout", cart, accountId=account["id"]))["sessionId"]
        await self.control(f"checkout/{session}/pay", {})

    async def events(self) -> list[bytes]:
        """All that Stripe has, the oldest first, as it would send them."""
        found: list[dict[str, Any]] = []
        params = {"limit": "100"}
        while True:
            headers = {"Authorization": "Bearer sk_test_benchmark"}
            page = (await self._client.get(f"{self._sandbox}/v1/events", params=params, headers=headers)).json()
            found += page["data"]
            if not page["has_more"]:
                return [json.dumps(one).encode() for one in reversed(found)]
            params["starting_after"] = page["data"][-1]["id"]

    async def tell(self, raw: bytes) -> float:
        """Seconds until an event was answered."""
        at = int(time.time())
        signature = hmac.new(self._secret.encode(), f"{at}.".encode() + raw, sha256).hexdigest()
        headers = {**HEADERS, "Stripe-Signature": f"t={at},v1={signature}"}
        began = time.perf_counter()
        answer = await self._client.post(f"{self._url}/api/billing/webhooks", content=raw, headers=headers)
        answer.raise_for_status()
        return time.perf_counter() - began


async def accepting(stack: AsyncExitStack) -> str:
    """A machine of the vendor's; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever sends hangs up, or we are done before.
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
                await reader.readexactly(int(fields[b"content-length"]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def measure(said: dict[str, str], purchases: int, at_once: int, endpoints: int) -> tuple[list[float], float]:
    """Seconds of each event, and of all."""
    async with httpx.AsyncClient(timeout=120, trust_env=False) as client, AsyncExitStack() as stack:
        shop = Shop(client, said)
        await shop.control("faults", {"drop": 1})
        for _ in range(endpoints):
            await shop.post("/api/webhook-endpoints", {"url": await accepting(stack), "events": ["*"]})
        for number in range(purchases):
            await shop.buy(number)
        await shop.control("clock/advance", {"seconds": MONTH_SECONDS})
        events, gate = await shop.events(), asyncio.Semaphore(at_once)

        async def one(raw: bytes) -> float:
            async with gate:
                return await shop.tell(raw)

        began = time.perf_counter()
        return await asyncio.gather(*(one(raw) for raw in events)), time.perf_counter() - began


def main(purchases: int = 100, at_once: int = 4, endpoints: int = 0) -> None:
    """Prints the median, the 99th of a hundred, and events a second."""
    with tempfile.TemporaryDirectory() as place:
        licet = str(Path(sys.executable).with_name("licet"))
        argv = [licet, "up", "--port", "0", "--sandbox-port", "0", "--data-dir", str(Path(place, "data")), "--json"]
        env = {**os.environ, "LICET_RATE_LIMITS": "off", "LICET_WEBHOOKS_ALLOW_PRIVATE": "127.0.0.1"}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as process:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            try:
                seconds, all_seconds = asyncio.run(measure(said, purchases, at_once, endpoints))
            finally:
                process.terminate()
    seconds.sort()
    print(
        f"{len(seconds)} events, {at_once} at once, {endpoints} endpoints: {statistics.median(seconds) * 1000:.1f} ms "
        f"(median), {seconds[int(len(seconds) * 0.99) - 1] * 1000:.1f} ms (99th of a hundred), "
        f"{len(seconds) / all_seconds:.0f} a second"
    )


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
