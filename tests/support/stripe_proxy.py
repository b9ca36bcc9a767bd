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


def set_stripe_timeout(stripe: StripeApi, seconds: float) -> None:
    """Sets the timeout of each attempt of a call to Stripe."""
    stripe.calls._timeout_seconds = seconds


@contextmanager
def short_stripe_timeout(stripe: StripeApi, seconds: float = 0.2) -> Iterator[None]:
    """Shortens the timeout of each attempt of a call to Stripe while the block lasts."""
    set_stripe_timeout(stripe, seconds)
    try:
        yield
    finally:
        set_stripe_timeout(stripe, PATIENCE_SECONDS)


class PatternScript(dict[tuple[str, str], Any]):
    """A script whose paths are regular expressions, for objects whose ids are not known yet."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        for (method, pattern), scripted in self.items():
            if method == key[0] and re.fullmatch(pattern, key[1]):
                return scripted
        return default


@dataclass(frozen=True)
class Answer:
    """A scripted answer.

    seconds: NEVER: answers only after the caller has hung up
    held: answers once this is set
    then: called when the request arrives
    """

    status: int = 200
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    held: asyncio.Event | None = None
    then: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class SeenRequest:
    """A received request."""

    method: str
    path: str
    body: str
    headers: dict[str, str]


def stripe_error(message: str = "No.", **fields: Any) -> dict[str, Any]:
    """Stripe's error object."""
    return {"error": {"type": "invalid_request_error", "message": message, **fields}}


class StripeProxy:
    """Answers by script, and forwards everything else to the sandbox.

    script: the answers for `("POST", "/v1/customers")`, given one after the other; always: an answer for every request
    """

    def __init__(self, behind: str | None) -> None:
        self.url = ""
        self.seen: list[SeenRequest] = []
        self.script: dict[tuple[str, str], list[Answer]] = {}
        self.always: dict[tuple[str, str], Answer] = {}
        self.everything: Answer | None = None
        """The answer to every request, whatever the scripts contain."""
        self.loses_next_write = False
        """The next write is carried out, and its answer is lost, as if Licet had crashed just after it."""
        self._behind = behind
        self._client = open_client(trust_env=False)

    def writes(self) -> list[str]:
        """The requests so far that are not GETs, such as `POST /v1/products`."""
        return [f"{one.method} {one.path}" for one in self.seen if one.method != "GET"]

    async def answer(self, request: Request) -> Response:
        body = (await request.body()).decode()
        path = request.url.path
        self.seen.append(SeenRequest(request.method, path, body, dict(request.headers)))
        waiting = self.script.get((request.method, path))
        scripted = self.everything or (waiting.pop(0) if waiting else self.always.get((request.method, path)))
        if scripted is None:
            return await self._lose_or_hand_on(request, body)
        scripted.then()
        if scripted.seconds == NEVER:
            while not await request.is_disconnected():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
        if scripted.held is not None:
            await scripted.held.wait()
        if isinstance(scripted.body, str):
            return Response(scripted.body, scripted.status, scripted.headers)
        return _json(scripted.body, scripted.status, scripted.headers)

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
async def stripe_proxy(behind: str | None = None) -> AsyncIterator[StripeProxy]:
    """Serves a proxy while the block lasts. behind: the sandbox's URL; None: unscripted requests get 404."""
    app = FastAPI()
    made = StripeProxy(behind)
    app.add_api_route("/{rest:path}", made.answer, methods=["GET", "POST", "DELETE"])
    async with serve(app) as url:
        made.url = url
        try:
            yield made
        finally:
            await made.close()
