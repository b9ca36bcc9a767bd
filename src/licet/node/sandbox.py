"""The built-in sandbox as a part of the node: started beside the API, and told where to send its events."""

import json
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from licet.data_dir import read_private, write_private
from licet.node.http import HttpServer
from licet.node.listening import url_of
from licet.stripe_api.client import StripeApi
from licet.stripe_api.version import API_VERSION

if TYPE_CHECKING:
    import asyncio

    from licet.kit.times import Now
    from licet_sandbox import Sandbox

FINISHES_WITHIN_SECONDS = 1

STRIPE_KEY = "sk_test_sandbox"
"""The sandbox takes any test key, and all see one account."""


class RunningSandbox:
    """The sandbox and the server in front of it."""

    def __init__(self, sandbox: "Sandbox", server: HttpServer, serving: "asyncio.Task[None]") -> None:
        self._sandbox = sandbox
        self._server = server
        self.serving = serving
        """Ends only if the server does."""
        self.url: str = sandbox.base_url
        self.now: Now = sandbox.now
        self.on_clock_advanced: Callable[[Callable[[], Awaitable[None]]], None] = sandbox.on_clock_advanced

    async def stop(self) -> None:
        """Whoever speaks to it has ended by now, so nobody waits for its answers."""
        await self._server.stop()
        await self._sandbox.stop()


async def start_sandbox(data_dir: Path, listening: socket.socket) -> RunningSandbox:
    """Starts it over `DATA_DIR/sandbox.db`. The file holds signing secrets: mode 0600."""
    from licet_sandbox import Sandbox  # noqa: PLC0415 - only play imports it

    path = data_dir / "sandbox.db"
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    sandbox = Sandbox(path)
    sandbox.base_url = url_of(listening)
    await sandbox.start()
    server = HttpServer(sandbox.app, listening, finishes_within_seconds=FINISHES_WITHIN_SECONDS)
    return RunningSandbox(sandbox, server, await server.start())


async def webhook_secret(stripe: StripeApi, url: str, events: Sequence[str], data_dir: Path) -> str:
    """The signing secret of our endpoint at the sandbox, which is made on the first start and follows our address.

    Stripe tells the secret once, so it is kept in `DATA_DIR/sandbox-webhook.json` (mode 0600).
    """
    path = data_dir / "sandbox-webhook.json"
    kept = json.loads(read_private(path) or "{}")
    wanted = {"url": url, "enabled_events": list(events)}
    endpoint = await stripe.retrieve("webhook_endpoint", kept["id"]) if kept else None
    if endpoint is None or endpoint.get("deleted"):
        made = await stripe.create("webhook_endpoint", {**wanted, "api_version": API_VERSION})
        write_private(path, json.dumps({"id": made["id"], "secret": made["secret"]}))
        return str(made["secret"])
    if endpoint["url"] != url or sorted(endpoint["enabled_events"]) != sorted(events):
        await stripe.update("webhook_endpoint", endpoint["id"], wanted)
    return str(kept["secret"])
