"""How the story speaks with Licet, with Stripe's API and with the sandbox's controls: over HTTP, like anybody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from licet.demo.answers import Answer, Finding, NotAsExpected
from licet.demo.stage import Open

_PATIENCE_SECONDS = 60.0
_STRIPE_KEY = "sk_test_demo"
"""The sandbox takes any test key."""


@dataclass(frozen=True)
class Reply:
    """What came back. call: method and path as they were asked for, without ids."""

    call: str
    status: int
    body: Any


class Shop:
    """A running Licet and the sandbox beside it.

    check: called before each request, and after one that failed; what it raises ends the story.
    """

    def __init__(self, opened: Open, check: Callable[[], None] = lambda: None) -> None:
        self.opened = opened
        self._check = check
        # No proxy from the environment: both are on this machine.
        self._client = httpx.Client(timeout=_PATIENCE_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def licet(
        self,
        call: str,
        *,
        key: str | None = None,
        status: int = 200,
        body: Any = None,
        params: dict[str, Any] | None = None,
        **ids: str,
    ) -> Reply:
        """Asks Licet: `licet("GET /api/licenses/{id}", id=…)`, as the operator unless another key is given.

        Raises NotAsExpected where the answer has another status, or none comes.
        """
        headers = {"Authorization": f"Bearer {key or self.opened.operator_key}"}
        return _expect(self._send(self.opened.url, call, ids, json=body, params=params, headers=headers), status)

    def control(self, call: str, body: Any = None, *, status: int | None = 200, **ids: str) -> Reply:
        """Works one of the sandbox's controls. status None: any will do. Raises as `licet`."""
        return _expect(self._send(self.opened.sandbox_url, call, ids, json=body), status)

    def stripe(self, call: str, **ids: str) -> Any:
        """Reads from Stripe's API, as the sandbox answers it: the JSON. Raises as `licet`."""
        headers = {"Authorization": f"Bearer {_STRIPE_KEY}"}
        return _expect(self._send(self.opened.sandbox_url, call, ids, headers=headers), 200).body

    def deliver(self, raw: bytes, signature: str) -> Reply:
        """An event, signed, as Stripe posts it. Raises as `licet`."""
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        call = "POST /api/billing/webhooks"
        return _expect(self._send(self.opened.url, call, {}, content=raw, headers=headers), 200)

    def _send(self, base: str, call: str, ids: dict[str, str], **request: Any) -> Reply:
        method, path = call.split(" ", 1)
        self._check()
        try:
            answer = self._client.request(method, base + path.format(**ids), **request)
        except httpx.TransportError as error:
            self._check()
            found = Answer(call, 0, "answer", {"answer": type(error).__name__}, f"none: {type(error).__name__}")
            raise NotAsExpected(Finding(found, {"answer": "one"})) from error
        return Reply(call, answer.status_code, _json(answer))


def _expect(reply: Reply, status: int | None) -> Reply:
    """The reply, if it has the status that it must have."""
    if status is None or reply.status == status:
        return reply
    code = reply.body.get("code") if isinstance(reply.body, dict) else None
    found = Answer(
        reply.call, reply.status, "answer", {"status": reply.status, "code": code}, f"{reply.status} {code or ''}"
    )
    raise NotAsExpected(Finding(found, {"status": status}))


def _json(answer: httpx.Response) -> Any:
    """What is no JSON is told apart by its status."""
    return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None
