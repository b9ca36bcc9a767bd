"""A proxy in front of the sandbox that answers some requests by script, to make Stripe fail."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from tests.support.client import open_client
from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import serve

from licet.stripe_api.client import StripeApi

NEVER = inf
_HOP = ("host", "content-length", "content-encoding", "transfer-encoding", "connection", "date", "server")


def wait_for_stripe(stripe: StripeApi, seconds: float) -> None:
    """From the next try of a call on, one may take no longer than this."""
    stripe.calls._timeout_seconds = seconds


@contextmanager
def impatient(stripe: StripeApi, seconds: float = 0.2) -> Iterator[None]:
    """For as long as the block lasts, one try of a call may take no longer than this."""
    wait_for_stripe(stripe, seconds)
    try:
        yield
    finally:
        wait_for_stripe(stripe, PATIENCE_SECONDS)


class Matching(dict[tuple[str, str], Any]):
    """A script whose paths are patterns: what is not made yet has no id."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        for (method, pattern), said in self.items():
            if method == key[0] and re.fullmatch(pattern, key[1]):
                return said
        return default


@dataclass(frozen=True)
class Say:
    """One answer.

    seconds: how long it takes; NEVER: until the caller gives up. held: it takes until this is set. then: called as the
    request arrives.
    """

    status: int = 200
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    held: asyncio.Event | None = None
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Seen:
    """One request that came."""

    method: str
    path: str
    body: str
    headers: dict[str, str]


def stripe_error(message: str = "No.", **said: Any) -> dict[str, Any]:
    """Stripe's error object."""
    return {"error": {"type": "invalid_request_error", "message": message, **said}}


class Counterpart:
    """Answers by script, and forwards everything else to the sandbox.

    script: `("POST", "/v1/customers")` -> the answers to give, in turn.
    """

    def __init__(self, behind: str | None) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.script: dict[tuple[str, str], list[Say]] = {}
        self.always: dict[tuple[str, str], Say] = {}
        self.everything: Say | None = None
        """What is said to every request, whatever the scripts have."""
        self.loses_next_write = False
        """The next write is done, and its answer never arrives: as if we had crashed just after it."""
        self._behind = behind
        self._client = open_client(trust_env=False)

    def writes(self) -> list[str]:
        """The requests so far that change something, as `POST /v1/products`."""
        return [f"{one.method} {one.path}" for one in self.seen if one.method != "GET"]

    async def answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        path = request.url.path
        self.seen.append(Seen(request.method, path, body, dict(request.headers)))
        waiting = self.script.get((request.method, path))
        said = self.everything or (waiting.pop(0) if waiting else self.always.get((request.method, path)))
        if said is None:
            return await self._lose_or_hand_on(request, body)
        said.then()
        if said.seconds == NEVER:
            while not await request.is_disconnected():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        if said.held is not None:
            await said.held.wait()
        if isinstance(said.body, str):
            return Response(said.body, said.status, said.headers)
        return _json(said.body, said.status, said.headers)

    async def _lose_or_hand_on(self, request: Request, body: str) -> Response:
        answer = await self._hand_on(request, body)
        if request.method == "GET" or not self.loses_next_write:
            return answer
        self.loses_next_write = False
        return _json(stripe_error("Lost."), 500, {"stripe-should-retry": "false"})

    async def _hand_on(self, request: Request, body: str) -> Response:
        if self._behind is None:
            return _json(stripe_error("Nothing is scripted for this."), 404, {})
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        answer = await self._client.request(
            request.method,
            f"{self._behind}{request.url.path}",
            params=request.url.query or None,
            content=body,
            headers=headers,
        )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP}
        return Response(answer.content, answer.status_code, kept)

    async def close(self) -> None:
        await self._client.aclose()


def _json(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return JSONResponse(body, status, {"request-id": "req_scripted", **headers})


@asynccontextmanager
async def counterpart(behind: str | None = None) -> AsyncIterator[Counterpart]:
    """A counterpart, served for as long as the block lasts."""
    app = FastAPI()
    made = Counterpart(behind)
    app.add_api_route("/{rest:path}", made.answer, methods=["GET", "POST", "DELETE"])
    async with serve(app) as url:
        made.url = url
        try:
            yield made
        finally:
            await made.close()
