"""Measures turning the sandbox's clock by a year of monthly subscriptions, in a process of its own.

python benchmarks/sandbox_year.py [--subscriptions 1000] [--turns 3] [--no-endpoint] [--json]

The subscriptions begin 40 minutes after one another, so that each renews at a moment of its own, and one in twenty has
a card that is declined from its first renewal on. A receiver in this process answers 200 to every event.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

YEAR = 365 * 24 * 3600
APART = 40 * 60
SAVED_BUT_DECLINED = "pm_card_chargeCustomerFail"

_COUNT = """
    SELECT (SELECT count(*) FROM objects WHERE kind = 'event' AND seq > began.seq) AS events,
        (SELECT count(*) FROM deliveries WHERE state = 'delivered' AND event_seq > began.seq) AS deliveries,
        (SELECT count(*) FROM deliveries WHERE state != 'delivered') AS undelivered,
        (SELECT count(*) FROM (SELECT created < lag(created) OVER (ORDER BY seq) AS back
            FROM objects WHERE kind = 'event') WHERE back) AS backwards
    FROM (SELECT seq FROM objects WHERE id = ?) AS began
"""
_PAID = """
    SELECT json ->> '$.parent.subscription_details.subscription', json ->> '$.period_end'
    FROM objects WHERE kind = 'invoice' AND json ->> '$.status' = 'paid' ORDER BY seq
"""


class Receiver:
    """Answers 200 to whatever comes."""

    def __init__(self) -> None:
        self.heard = 0

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        self.heard += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = uvicorn.Server(uvicorn.Config(self, port=0, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # uvicorn tells in no other way.
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        server.should_exit = True
        await task


@contextlib.contextmanager
def sandbox(db: Path) -> Iterator[tuple[str, int]]:
    """A running `python -m licet_sandbox`: its address and process id."""
    argv = [sys.executable, "-m", "licet_sandbox", "--port", "0", "--db", str(db)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


async def call(http: httpx.AsyncClient, path: str, **form: Any) -> Any:
    answer = await http.post(path, data=form)
    answer.raise_for_status()
    return answer.json()


async def advance(http: httpx.AsyncClient, seconds: int) -> None:
    (await http.post("/_sandbox/clock/advance", json={"seconds": seconds})).raise_for_status()


async def subscribe(http: httpx.AsyncClient, count: int) -> set[str]:
    """Make them; the ids of those that pay."""
    product = await call(http, "/v1/products", name="Licet")
    monthly = {"currency": "usd", "unit_amount": 1000, "recurring[interval]": "month"}
    price = await call(http, "/v1/prices", product=product["id"], **monthly)
    paying = set()
    for number in range(count):
        customer = await call(http, "/v1/customers", payment_method="pm_card_visa")
        method = await call(http, "/v1/payment_methods/pm_card_visa/attach", customer=customer["id"])
        given = {"default_payment_method": method["id"], "items[0][price]": price["id"]}
        made = await call(http, "/v1/subscriptions", customer=customer["id"], **given)
        if number % 20 == 19:
            bad = await call(http, f"/v1/payment_methods/{SAVED_BUT_DECLINED}/attach", customer=customer["id"])
            await call(http, f"/v1/subscriptions/{made['id']}", default_payment_method=bad["id"])
        else:
            paying.add(made["id"])
        await advance(http, APART)
    return paying


def check(db: Path, paying: set[str], began: str) -> dict[str, Any]:
    """Checks that everything was done in order; counts the events after `began`, and the sizes.

    began: the last event before the year.
    """
    with contextlib.closing(sqlite3.connect(db)) as file:
        file.row_factory = sqlite3.Row
        counted = dict(file.execute(_COUNT, (began,)).fetchone())
        paid = [tuple(row) for row in file.execute(_PAID)]
    assert counted.pop("backwards") == 0, "an event is older than the one before"
    assert counted.pop("undelivered") == 0, "an event was not delivered"
    invoices = Counter(subscription for subscription, _ in paid)
    assert {invoices[one] for one in paying} <= {12, 13}, "a paying subscription lacks invoices"
    last = dict.fromkeys(invoices, 0)
    for subscription, period_end in paid:
        assert period_end >= last[subscription], "invoices are out of order"
        last[subscription] = period_end
    return {**counted, "file_mb": round(db.stat().st_size / 2**20, 1)}


def used(pid: int) -> tuple[float, int]:
    """Processor seconds of a process (user and system) and its peak memory in kB."""
    process = Path("/proc", str(pid))
    ticks = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    status = process.joinpath("status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), peak


async def year(subscriptions: int, db: Path, *, endpoint: bool) -> dict[str, Any]:
    """One whole life; the seconds are those of the year alone."""
    receiver = Receiver()
    with sandbox(db) as (url, pid):
        headers = {"Authorization": "Bearer sk_test_benchmark"}
        async with receiver.serving() as hook, httpx.AsyncClient(base_url=url, headers=headers, timeout=None) as http:
            if endpoint:
                await call(http, "/v1/webhook_endpoints", url=hook, **{"enabled_events[0]": "*"})
            began = time.perf_counter()
            paying = await subscribe(http, subscriptions)
            last = (await http.get("/v1/events", params={"limit": 1})).raise_for_status().json()["data"][0]["id"]
            subscribed, busy = time.perf_counter(), used(pid)[0]
            await advance(http, YEAR)
            took = time.perf_counter() - subscribed
            busy_after, peak = used(pid)
    counted = check(db, paying, last)
    assert counted["deliveries"] <= receiver.heard, "the receiver did not hear of an event"
    return {
        "seconds": round(took, 2),
        "cpu_seconds": round(busy_after - busy, 2),
        **counted,
        "events_per_second": round(counted["events"] / took),
        "seconds_to_subscribe": round(subscribed - began, 2),
        "peak_memory_mb": round(peak / 1024),
        "load": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--endpoint", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    turns = []
    for _ in range(given.turns):
        with tempfile.TemporaryDirectory() as place:
            db = Path(place, "sandbox.db")
            turns.append(asyncio.run(year(given.subscriptions, db, endpoint=given.endpoint)))
        print(json.dumps(turns[-1]), file=sys.stderr)
    columns = {name: [turn[name] for turn in turns] for name in turns[0]}
    found = {name: {"min": min(column), "median": statistics.median(column)} for name, column in columns.items()}
    if given.json:
        print(json.dumps(found))
    else:
        for name, figure in found.items():
            print(f"{name:>22}  min {figure['min']:>10}  median {figure['median']:>10}")


if __name__ == "__main__":
    main()
