"""Measures how long the page after payment waits, from the payment to `processed`.

The event or the call of the page may come first.

python benchmarks/returning.py [purchases] [at once] [--no-events]

It starts `licet up` on a throw-away directory. Each organisation opens a checkout and pays; the moment that the payment
is answered, `POST /payment/subscription-process` is asked until it says `processed`. Mostly the events have come by
then; with --no-events they never do, so each call reads what it needs from Stripe.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx


class Shop:
    """A Licet that runs, and its sandbox."""

    def __init__(self, client: httpx.AsyncClient, said: dict[str, str]) -> None:
        self._client = client
        self._url = said["url"]
        self._sandbox = said["sandboxUrl"]
        self._headers = {"Authorization": f"Bearer {said['operatorKey']}"}

    async def ask(self, method: str, path: str, **given: Any) -> Any:
        """Licet's answer, which must be a good one."""
        answer = await self._client.request(method, self._url + path, headers=self._headers, **given)
        answer.raise_for_status()
        return answer.json()

    async def drop_events(self) -> None:
        """From now on none arrives."""
        (await self._client.post(f"{self._sandbox}/_sandbox/faults", json={"drop": 1})).raise_for_status()

    async def session(self, number: int) -> str:
        """A new organisation's checkout: its session's id."""
        name = f"org-{number}"
        body = {"kind": "organization", "name": name, "email": f"{name}@acme.example", "externalId": name}
        await self.ask("POST", "/api/admin/accounts", json=body)
        plan = (await self.ask("GET", "/payment/subscription-plans", params={"organizationId": name}))[0]
        choice = {"productId": plan["productId"], "priceId": plan["prices"][0]["priceId"]}
        asked = {"organizationId": name, **choice}
        url: str = (await self.ask("POST", "/payment/subscription-checkout", json=asked))["url"]
        return url.rsplit("/", 1)[-1]

    async def wait(self, session: str) -> tuple[float, int]:
        """Pay; then seconds until it is processed, and how often it was asked."""
        paid = await self._client.post(f"{self._sandbox}/_sandbox/checkout/{session}/pay", json={})
        paid.raise_for_status()
        began, asked = time.perf_counter(), 0
        while True:
            asked += 1
            found = await self.ask("POST", "/payment/subscription-process", params={"secret": session})
            if found["status"] == "processed":
                return time.perf_counter() - began, asked


async def measure(said: dict[str, str], purchases: int, at_once: int, *, events: bool) -> list[tuple[float, int]]:
    """All purchases, so many at a time."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        shop, gate = Shop(client, said), asyncio.Semaphore(at_once)
        if not events:
            await shop.drop_events()

        async def one(number: int) -> tuple[float, int]:
            async with gate:
                return await shop.wait(await shop.session(number))

        return await asyncio.gather(*(one(number) for number in range(purchases)))


def main(purchases: int = 200, at_once: int = 4, *, events: bool = True) -> None:
    """Prints the median and the 99th of a hundred."""
    with tempfile.TemporaryDirectory() as place:
        licet = str(Path(sys.executable).with_name("licet"))
        argv = [licet, "up", "--port", "0", "--sandbox-port", "0", "--data-dir", str(Path(place, "data")), "--json"]
        env = {**os.environ, "LICET_RATE_LIMITS": "off"}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as process:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            try:
                waits = asyncio.run(measure(said, purchases, at_once, events=events))
            finally:
                process.terminate()
    seconds = sorted(wait for wait, _ in waits)
    print(
        f"{purchases} purchases, {at_once} at once: processed after {statistics.median(seconds):.3f} s (median), "
        f"{seconds[int(len(seconds) * 0.99) - 1]:.3f} s (99th of a hundred), {seconds[-1]:.3f} s (longest); "
        f"asked {sum(asked for _, asked in waits) / len(waits):.2f} times each"
    )


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:] if one.isdigit()), events="--no-events" not in sys.argv)
