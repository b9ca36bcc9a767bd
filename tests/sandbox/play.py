"""What the tests do to a sandbox, in their own words."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from tests.support.patience import PATIENCE_SECONDS

from licet_sandbox import Sandbox
from licet_sandbox.clock import Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx
    from starlette.requests import Request

    from licet_sandbox.serving import Running

DAY = 24 * 3600
SUCCESS = "http://127.0.0.1:9/thanks?session_id={CHECKOUT_SESSION_ID}"


class StandingClock(Clock):
    """Moves only when it is turned: two calls are of one second, however busy the machine is."""

    def __init__(self, began: float) -> None:
        super().__init__()
        self._began = began

    def timestamp(self) -> float:
        return self._began + self.offset


@dataclass
class Play:
    sandbox: Sandbox
    url: str
    api: Any
    http: httpx.AsyncClient

    async def price(self, amount: int = 1000, interval: str | None = "month", **more: Any) -> Any:
        product = await self.api.products.create_async({"name": more.pop("name", "Thing")})
        recurring = {"recurring": {"interval": interval}} if interval else {}
        given = {"product": product.id, "currency": "usd", "unit_amount": amount, **recurring, **more}
        return await self.api.prices.create_async(given)

    async def session(self, *prices: Any, **more: Any) -> Any:
        recurring = any(price.recurring for price in prices)
        given = {
            "mode": "subscription" if recurring else "payment",
            "line_items": [{"price": price.id, "quantity": 1} for price in prices],
            "success_url": SUCCESS,
            **more,
        }
        return await self.api.checkout.sessions.create_async(given)

    async def pay(self, session: Any, card: str = "4242424242424242", **more: Any) -> httpx.Response:
        return await self.http.post(f"/_sandbox/checkout/{session.id}/pay", json={"card": card, **more})

    async def subscribe(self, card: str = "4242424242424242", price: Any = None, **more: Any) -> Any:
        session = await self.session(price or await self.price(), **more)
        answer = await self.pay(session, card)
        assert answer.status_code == 200, answer.text
        done = await self.api.checkout.sessions.retrieve_async(session.id)
        return await self.api.subscriptions.retrieve_async(done.subscription)

    async def buy(self, amount: int = 5000, card: str = "4242424242424242", **more: Any) -> Any:
        session = await self.session(await self.price(amount, None), **more)
        answer = await self.pay(session, card)
        assert answer.status_code == 200, answer.text
        return await self.api.checkout.sessions.retrieve_async(session.id)

    async def advance(self, seconds: float) -> None:
        answer = await self.http.post("/_sandbox/clock/advance", json={"seconds": seconds})
        assert answer.status_code == 200, answer.text

    def stop_clock(self) -> None:
        """From here on it moves only when it is turned."""
        engine = self.sandbox._engine
        engine.clock = engine.deliveries._clock = StandingClock(engine.clock.timestamp())

    async def change_card(self, customer: str, card: str) -> None:
        answer = await self.http.post(f"/_sandbox/customers/{customer}/card", json={"card": card})
        assert answer.status_code == 200, answer.text

    async def faults(self, **settings: Any) -> None:
        answer = await self.http.post("/_sandbox/faults", json=settings)
        assert answer.status_code == 200, answer.text

    async def events(self, since: str | None = None, *, upcoming: bool = False) -> list[Any]:
        """Oldest first. upcoming: with `invoice.upcoming`, which comes a week before whatever a test looks at."""
        after = {"ending_before": since} if since else {}
        page = await self.api.events.list_async({"limit": 100, **after})
        return [event for event in reversed(page.data) if upcoming or event.type != "invoice.upcoming"]

    async def types(self, since: str | None = None) -> list[str]:
        return [event.type for event in await self.events(since)]

    async def last(self) -> str:
        page = await self.api.events.list_async({"limit": 1})
        return str(page.data[0].id)

    async def endpoint(self, receiver: Receiver, *types: str) -> Any:
        given = {"url": receiver.url, "enabled_events": list(types) or ["*"], "api_version": "2026-10-28.endive"}
        receiver.endpoint = await self.api.webhook_endpoints.create_async(given)
        return receiver.endpoint


@asynccontextmanager
async def served(path: Path | None = None, **given: Any) -> AsyncIterator[Running[Sandbox]]:
    """A sandbox beside the one that all tests share, with its own address."""
    running = await Sandbox(path, **given).serve()
    try:
        yield running
    finally:
        await running.stop()


class Switchboard:
    """One server, whose application a test may change."""

    def __init__(self, app: Any = None) -> None:
        self.app = app
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    async def start(self) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(self, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve([listener]))
        while not self._server.started:  # noqa: ASYNC110  # uvicorn tells in no other way.
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task


@dataclass
class Receiver:
    """A webhook receiver that checks signatures as the SDK does. `answers` are the statuses to give, then 200."""

    answers: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    signed: list[tuple[bytes, str]] = field(default_factory=list)
    endpoint: Any = None
    hook: Any = None

    def __post_init__(self) -> None:
        self._board = Switchboard(Starlette(routes=[Route("/hooks", self._take, methods=["POST"])]))

    @property
    def url(self) -> str:
        return f"{self._board.url}/hooks"

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    async def _take(self, request: Request) -> Response:
        raw = await request.body()
        header = request.headers["stripe-signature"]
        if self.endpoint is not None:
            stripe.WebhookSignature.verify_header(raw.decode(), header, self.endpoint.secret, 300)
        self.signed.append((raw, header))
        self.bodies.append(json.loads(raw))
        if self.hook is not None:
            await self.hook(self.bodies[-1])
        status = self.answers.pop(0) if self.answers else 200
        headers = {"location": "/elsewhere"} if 300 <= status < 400 else {}
        return Response("thanks", status, headers)

    async def start(self) -> None:
        await self._board.start()

    async def stop(self) -> None:
        await self._board.stop()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.bodies) < count:  # noqa: ASYNC110  # Bodies come from another task.
                await asyncio.sleep(0.01)
