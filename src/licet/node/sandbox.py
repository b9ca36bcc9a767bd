"""Runs the built-in Stripe sandbox in the node, and registers Licet's webhook endpoint there."""

import json
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from licet.data_dir import read_private, write_private
from licet.node.http_server import HttpServer
from licet.node.listening import url_of
from licet.stripe_api.client import StripeApi
from licet.stripe_api.version import API_VERSION

if TYPE_CHECKING:
    import asyncio

    from licet.kit.times import Now
    from licet_sandbox import Sandbox

SANDBOX_SHUTDOWN_SECONDS = 1

STRIPE_KEY = "sk_test_sandbox"
"""The sandbox accepts any test key. All keys see the same account."""


class RunningSandbox:
    """The sandbox and its HTTP server."""

    def __init__(self, sandbox: "Sandbox", server: HttpServer, serving: "asyncio.Task[None]") -> None:
        self._sandbox = sandbox
        self._server = server
        self.serving = serving
        """Ends only when the server ends."""
        self.url: str = sandbox.base_url
        self.now: Now = sandbox.now
        self.on_clock_advanced: Callable[[Callable[[], Awaitable[None]]], None] = sandbox.on_clock_advanced

    async def stop(self) -> None:
        """Stops the server and the sandbox. Call it after the sandbox's clients have ended."""
        await self._server.stop()
        await self._sandbox.stop()


async def start_sandbox(data_dir: Path, listening: socket.socket) -> RunningSandbox:
    """Starts the sandbox on `DATA_DIR/sandbox.db`. The file contains signing secrets and has mode 0600."""
    from licet_sandbox import Sandbox  # noqa: PLC0415 - imported in sandbox mode only

    path = data_dir / "sandbox.db"
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    sandbox = Sandbox(path)
    sandbox.base_url = url_of(listening)
    await sandbox.start()
    server = HttpServer(sandbox.app, listening, shutdown_seconds=SANDBOX_SHUTDOWN_SECONDS)
    return RunningSandbox(sandbox, server, await server.start())


async def ensure_webhook_endpoint(stripe: StripeApi, url: str, events: Sequence[str], data_dir: Path) -> str:
    """Creates Licet's webhook endpoint at the sandbox, or updates its URL and events. Returns its secret.

    Stripe returns the secret only on creation, so it is stored in `DATA_DIR/sandbox-webhook.json` (mode 0600).
    """
    path = data_dir / "sandbox-webhook.json"
    stored = json.loads(read_private(path) or "{}")
    params = {"url": url, "enabled_events": list(events)}
    endpoint = await stripe.retrieve("webhook_endpoint", stored["id"]) if stored else None
    if endpoint is None or endpoint.get("deleted"):
        created = await stripe.create("webhook_endpoint", {**params, "api_version": API_VERSION})
        write_private(path, json.dumps({"id": created["id"], "secret": created["secret"]}))
        return str(created["secret"])
    if endpoint["url"] != url or sorted(endpoint["enabled_events"]) != sorted(events):
        await stripe.update("webhook_endpoint", endpoint["id"], params)
    return str(stored["secret"])
