"""HTTP client of the demo: Licet's API, Stripe's API, and the controls of the sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from licet.demo.checks import Check, CheckFailed, Observation
from licet.demo.process import DemoAddresses

_TIMEOUT_SECONDS = 60.0
_STRIPE_KEY = "sk_test_demo"
"""The sandbox accepts any test key."""


@dataclass(frozen=True)
class Reply:
    """An HTTP response. call: method and path as they were requested, without ids."""

    call: str
    status: int
    body: Any


class DemoClient:
    """Sends requests to a running Licet and its sandbox.

    check_interrupted: called before each request and after a failed one. An exception that it raises ends the demo.
    """

    def __init__(self, addresses: DemoAddresses, check_interrupted: Callable[[], None] = lambda: None) -> None:
        self.addresses = addresses
        self._check_interrupted = check_interrupted
        # No proxy from the environment: both servers are on this machine.
        self._client = httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False)

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
        """Calls Licet, by default with the operator's key: `licet("GET /api/licenses/{id}", id=…)`.

        Raises CheckFailed if the response has another status, or if there is no response.
        """
        headers = {"Authorization": f"Bearer {key or self.addresses.operator_key}"}
        return _expect(self._send(self.addresses.url, call, ids, json=body, params=params, headers=headers), status)

    def control(self, call: str, body: Any = None, *, status: int | None = 200, **ids: str) -> Reply:
        """Calls a control of the sandbox. status None: any status is accepted. Raises CheckFailed."""
        return _expect(self._send(self.addresses.sandbox_url, call, ids, json=body), status)

    def stripe(self, call: str, **ids: str) -> Any:
        """Calls Stripe's API at the sandbox and returns the JSON body. Raises CheckFailed."""
        headers = {"Authorization": f"Bearer {_STRIPE_KEY}"}
        return _expect(self._send(self.addresses.sandbox_url, call, ids, headers=headers), 200).body

    def deliver(self, raw: bytes, signature: str) -> Reply:
        """Sends a signed event to Licet, as Stripe does. Raises CheckFailed."""
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        call = "POST /api/billing/webhooks"
        return _expect(self._send(self.addresses.url, call, {}, content=raw, headers=headers), 200)

    def _send(self, base: str, call: str, ids: dict[str, str], **request: Any) -> Reply:
        method, path = call.split(" ", 1)
        self._check_interrupted()
        try:
            response = self._client.request(method, base + path.format(**ids), **request)
        except httpx.TransportError as error:
            self._check_interrupted()
            name = type(error).__name__
            observation = Observation(call, 0, "answer", {"answer": name}, f"none: {name}")
            raise CheckFailed(Check(observation, {"answer": "one"})) from error
        return Reply(call, response.status_code, _json(response))


def _expect(reply: Reply, status: int | None) -> Reply:
    """Returns the reply if it has this status. Raises CheckFailed otherwise."""
    if status is None or reply.status == status:
        return reply
    code = reply.body.get("code") if isinstance(reply.body, dict) else None
    observation = Observation(
        reply.call, reply.status, "answer", {"status": reply.status, "code": code}, f"{reply.status} {code or ''}"
    )
    raise CheckFailed(Check(observation, {"status": status}))


def _json(response: httpx.Response) -> Any:
    """The JSON body, or None for other content: then the status decides."""
    return response.json() if response.headers.get("content-type", "").startswith("application/json") else None
