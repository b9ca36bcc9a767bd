"""Measures the processor time that the worst request bodies cost, without an API key and with one.

python benchmarks/bodies.py [requests]

It starts `licet up` on a throw-away directory, without rate limits, and reads the processor time of that process before
and after each request. It prints the median for each body, and for a request with a small body.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

MIB = 1024 * 1024
PATH = "/api/billing/checkout"
JSON = {"Content-Type": "application/json"}


def bodies(size: int) -> Mapping[str, bytes]:
    """The bodies that cost the most in some step, each of at most `size` bytes."""
    deep = b"[" * 30 + b"]" * 30

    def items(item: bytes) -> bytes:
        return b'{"items": [' + b",".join([item] * ((size - 20) // (len(item) + 1))) + b"]}"

    return {
        "2000 items": b'{"items": [' + b",".join([b"{}"] * 990) + b"]}",
        "nested lists": b"[" + b",".join([deep] * ((size - 2) // (len(deep) + 1))) + b"]",
        "numbers": items(b"0"),
        "empty objects": items(b"{}"),
        "floats": items(b"1.5"),
        "empty strings": items(b'""'),
        "long numbers": items(b"9" * 4200),
        "escaped characters": items(b'"\\ud83d\\ude00"'),
        "open lists": b"[" * size,
        "one string": b'{"a": "' + b"x" * (size - 9) + b'"}',
        "spaces": b" " * (size - 2) + b"{}",
    }


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far, from the scheduler's own count in nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measure(
    client: httpx.Client, pid: int, headers: Mapping[str, str], body: bytes, requests: int
) -> tuple[float, str]:
    """The median processor time of a request in milliseconds, and the statuses of the responses."""
    taken, statuses = [], set()
    for _ in range(requests):
        began = cpu_seconds(pid)
        statuses.add(client.post(PATH, headers={**JSON, **headers}, content=body).status_code)
        # Until the process is idle again.
        time.sleep(0.02)
        taken.append((cpu_seconds(pid) - began) * 1000)
    return statistics.median(taken), ", ".join(map(str, sorted(statuses)))


def main() -> None:
    """Prints a line for each body."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "licet", "up", "--json", "--port", "0", "--sandbox-port", "0"]
        environment = {**os.environ, "LICET_RATE_LIMITS": "off", "LICET_LOG_LEVEL": "error"}
        with subprocess.Popen([*command, "--data-dir", data], stdout=subprocess.PIPE, env=environment) as licet:
            try:
                assert licet.stdout is not None
                said = json.loads(licet.stdout.readline())
                with httpx.Client(base_url=said["url"], timeout=60) as client:
                    compare(client, licet.pid, said["operatorKey"], requests)
            finally:
                licet.terminate()


def make_key(client: httpx.Client, operator_key: str) -> dict[str, str]:
    """The header with the key of a new account."""
    operator = {"Authorization": f"Bearer {operator_key}"}
    account = client.post(
        "/api/admin/accounts", headers=operator, json={"kind": "user", "name": "Ada", "email": "ada@example.com"}
    ).json()["id"]
    fields = {"name": "bodies", "scopes": ["read", "write"], "accountId": account}
    return {"X-API-Key": client.post("/api/admin/api-keys", headers=operator, json=fields).json()["key"]}


def compare(client: httpx.Client, pid: int, key: str, requests: int) -> None:
    """Prints the table."""
    for caller, headers in (("no key", {}), ("an account's key", make_key(client, key))):
        for name, body in {"small": b"{}", **bodies(MIB)}.items():
            median, statuses = measure(client, pid, headers, body, requests)
            print(f"{caller:16} {name:20} {median:8.1f} ms  {statuses}", flush=True)


if __name__ == "__main__":
    main()
