"""Licet and its sandbox in the test's event loop: real HTTP, a real database, real webhooks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr
from tests.support.catalog import catalog_on_sale
from tests.support.client import open_client
from tests.support.contexts import make_settings
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve
from tests.support.stripe_proxy import StripeProxy, stripe_proxy

from licet.accounts.keys import create_key
from licet.app import create_app, delivery_worker_jobs, jobs, mail_worker_jobs, webhook_events
from licet.db.keyring import Keyring
from licet.db.pool import open_pool
from licet.http.context import Context
from licet.kit.times import wall_now
from licet.node.serving import WEBHOOK_PATH
from licet.queue.worker import Worker
from licet.stripe_api.client import StripeApi
from licet.stripe_api.version import API_VERSION
from licet_sandbox import Sandbox
from licet_sandbox.validation import Checker


@dataclass
class Shop:
    """Calls Licet's API as an operator, and the sandbox as the buyer and to advance the clock.

    between: the proxy between Licet and the sandbox, which can be made to fail
    """

    context: Context
    url: str
    sandbox: Sandbox
    sandbox_url: str
    operator_key: str
    worker: Worker
    client: httpx.AsyncClient
    between: StripeProxy

    @property
    def webhook_types(self) -> Sequence[str]:
        """The types of events that Licet's webhook endpoint receives."""
        return webhook_events()

    async def api(self, method: str, path: str, *, key: str | None = None, **given: Any) -> httpx.Response:
        """Sends a request to Licet, as the operator unless another key is given."""
        headers = {"Authorization": f"Bearer {key or self.operator_key}", **given.pop("headers", {})}
        return await self.client.request(method, self.url + path, headers=headers, **given)

    async def get(self, path: str, *, key: str | None = None, **params: Any) -> Any:
        """Sends a GET, which must succeed; returns the JSON."""
        answer = await self.api("GET", path, key=key, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def stripe(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Calls a control of the sandbox, which must succeed; returns the JSON."""
        answer = await self.client.post(f"{self.sandbox_url}/_sandbox/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def make_account(self, email: str = "ada@example.com") -> str:
        """Creates an account; returns its id."""
        body = {"kind": "user", "name": "Ada", "email": email}
        answer = await self.api("POST", "/api/admin/accounts", json=body)
        assert answer.status_code == 201, answer.text
        account_id: str = answer.json()["id"]
        return account_id

    async def product(self, name: str) -> dict[str, Any]:
        """A product on sale, by its name."""
        products = await self.get("/api/products")
        found: dict[str, Any] = next(one for one in products["data"] if one["name"] == name)
        return found

    async def checkout(self, account_id: str, *names: str, quantity: int = 1) -> str:
        """Creates a checkout of these products; returns the session's id. The buyer returns to `/healthz`."""
        items = [{"productId": (await self.product(name))["id"], "quantity": quantity} for name in names]
        body = {
            "items": items,
            "successUrl": f"{self.url}/healthz?paid={{CHECKOUT_SESSION_ID}}",
            "cancelUrl": f"{self.url}/healthz?back",
        }
        path = f"/api/billing/checkout?accountId={account_id}"
        answer = await self.api("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        session_id: str = answer.json()["sessionId"]
        return session_id

    async def pay(self, session_id: str, card: str = "4242424242424242", **more: Any) -> httpx.Response:
        """Pays a checkout session as the buyer."""
        body = {"card": card, "threeDS": "complete", "email": "ada@example.com", **more}
        return await self.client.post(f"{self.sandbox_url}/_sandbox/checkout/{session_id}/pay", json=body)

    async def buy(self, account_id: str, *names: str, quantity: int = 1, card: str = "4242424242424242") -> str:
        """Creates and pays a checkout; returns the session's id."""
        session_id = await self.checkout(account_id, *names, quantity=quantity)
        paid = await self.pay(session_id, card)
        assert paid.status_code == 200, paid.text
        return session_id

    async def turn(self, **by: float) -> None:
        """Advances the clock by a timedelta's arguments, and waits until all due work is done."""
        await self.stripe("clock/advance", {"seconds": int(timedelta(**by).total_seconds())})
        await self.settle()

    async def settle(self) -> None:
        """Waits until every event was sent once, and no read, retry, email, delivery or duplicate plan is due."""
        await self.stripe("clock/advance", {"seconds": 0})
        await eventually(self._nothing_left)

    async def _nothing_left(self) -> bool:
        await self.worker.hand_over_due()
        return bool(
            await self.context.pool.fetchval(
                """
                SELECT NOT EXISTS (SELECT 1 FROM refreshes WHERE due_at <= $1)
                   AND NOT EXISTS (SELECT 1 FROM events WHERE retry_at <= $1)
                   AND NOT EXISTS (SELECT 1 FROM second_plans WHERE due_at <= $1)
                   AND NOT EXISTS (SELECT 1 FROM emails WHERE due_at <= $1)
                   AND NOT EXISTS (
                       SELECT 1 FROM deliveries JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
                       WHERE due_at <= $1 AND (rests_until IS NULL OR rests_until <= $1))
                   -- A delivery in progress is due again when its lease ends.
                   AND NOT EXISTS (SELECT 1 FROM pgqueuer WHERE entrypoint = 'send_webhook')
                   AND NOT EXISTS (SELECT 1 FROM licenses WHERE valid_until <= $1)
                """,
                self.context.now(),
            )
        )

    async def licenses(self, account_id: str) -> list[dict[str, Any]]:
        """The account's licenses, oldest first."""
        found: list[dict[str, Any]] = (await self.get("/api/licenses", accountId=account_id, limit=100))["data"]
        return sorted(found, key=lambda license: license["id"])

    async def license(self, account_id: str) -> dict[str, Any]:
        """The account's only license."""
        (only,) = await self.licenses(account_id)
        return only

    async def emails(self, template: str | None = None) -> list[dict[str, Any]]:
        """The emails so far, oldest first."""
        params = {"template": template} if template else {}
        found: list[dict[str, Any]] = (await self.get("/api/admin/emails", limit=100, **params))["data"]
        return found[::-1]


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until a condition holds. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # there is no event for it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_shop(
    dsn: str,
    *,
    with_webhooks: bool = True,
    with_worker: bool = True,
    webhooks_version: str = API_VERSION,
    **settings: Any,
) -> AsyncIterator[Shop]:
    """Runs Licet on this database, with the example catalogue and its own sandbox.

    with_webhooks: the sandbox sends its events to Licet; False: the test sends them itself
    webhooks_version: the API version of these events
    """
    checker = Checker()
    stack = AsyncExitStack()
    pool = await open_pool(dsn, min_size=2, max_size=10)
    sandbox = Sandbox(await stack.enter_async_context(catalog_on_sale(pool)), validate=checker)
    served = await sandbox.serve()
    between = await stack.enter_async_context(stripe_proxy(served.url))
    stripe = StripeApi("sk_test_sandbox", base_url=between.url, timeout_seconds=PATIENCE_SECONDS)
    secret = "whsec_given_to_the_test"
    keyring = Keyring([Fernet.generate_key().decode()])
    try:
        # The endpoint needs the application's URL, and the settings need its secret, so they are replaced later.
        context = Context(make_settings(**settings), pool, sandbox.now, stripe, keyring)
        app = create_app(context)
        async with serve(app) as url, open_client() as client:
            if with_webhooks:
                endpoint = await stripe.create(
                    "webhook_endpoint",
                    {
                        "url": url + WEBHOOK_PATH,
                        # An older version does not have this event type.
                        "enabled_events": [
                            type_
                            for type_ in webhook_events()
                            if webhooks_version == API_VERSION or type_ != "invoice_payment.paid"
                        ],
                        "api_version": webhooks_version,
                    },
                )
                secret = endpoint["secret"]
            settled = context.settings.model_copy(
                update={"public_url": url, "stripe_webhook_secrets": (SecretStr(secret),)}
            )
            context = Context(settled, pool, sandbox.now, stripe, keyring)
            app.state.context = context
            async with pool.acquire() as conn:
                operator = await create_key(conn, settled, name="operator", scopes=["admin"], now=wall_now())
            # One worker for all kinds of jobs is enough: no receiver is slow.
            deliveries = await stack.enter_async_context(delivery_worker_jobs(context))
            lanes = [*jobs(context), *mail_worker_jobs(context), *deliveries]
            worker = Worker(dsn, pool, lanes, sandbox.now)
            sandbox.on_clock_advanced(worker.hand_over_due)
            working = asyncio.create_task(worker.run()) if with_worker else None
            shop = Shop(context, url, sandbox, served.url, operator.key, worker, client, between)
            try:
                yield shop
            finally:
                await worker.stop()
                if working is not None:
                    await working
    finally:
        await stripe.close()
        await served.stop()
        await stack.aclose()
        await asyncio.wait_for(pool.close(), PATIENCE_SECONDS)
    # Every request, response and event was checked against Stripe's OpenAPI document.
    checker.raise_any()
