"""Stripe, spoken to in plain dicts as in its JSON."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from licet.errors import StripeRefused
from licet.stripe_api.budget import LIVE_PER_SECOND, TEST_PER_SECOND, ReadBudget
from licet.stripe_api.calls import Calls
from licet.stripe_api.failures import is_missing
from licet.stripe_api.paths import collection, member

PAGE = 100
"""Objects a page: the most that Stripe gives."""


class StripeApi:
    """The one way to Stripe; `kind` is what an object's own `object` field says: "customer", "checkout.session".

    base_url: another counterpart than Stripe itself. timeout_seconds: for one try; all tries of a call together take
    20 s at most. Every failure is raised as one of ours (`failures.py`).
    """

    def __init__(self, secret_key: str, *, base_url: str | None = None, timeout_seconds: float = 10.0) -> None:
        self.live = secret_key[3:].startswith("live_")
        self.calls = Calls(secret_key, base_url, timeout_seconds)
        self._budget: ReadBudget | None = None
        self._background: StripeApi | None = None

    @property
    def in_background(self) -> "StripeApi":
        """The same connection for work that nobody waits for: its reads keep to the budget (`budget.py`)."""
        if self._background is None:
            self._background = _Background(self)
        return self._background

    async def retrieve(self, kind: str, stripe_id: str, expand: Sequence[str] = ()) -> dict[str, Any] | None:
        """The object, or None where Stripe has no such one. A deleted one may come back as `{"deleted": true}`."""
        try:
            return await self._read(member(kind, stripe_id), {"expand": list(expand)} if expand else {})
        except StripeRefused as error:
            if is_missing(error) and error.details.get("stripeStatus") == 404:
                return None
            raise

    async def list_all(self, kind: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """Every object that the parameters select, newest first, page by page as they are asked for.

        The lines of a session are `list_all("item", session=…)`; of an invoice, `list_all("line_item", invoice=…)`.
        """
        path, query = collection(kind, params)
        query.setdefault("limit", PAGE)
        while True:
            page = await self._read(path, query)
            for obj in page["data"]:
                yield obj
            if not page["has_more"] or not page["data"]:
                return
            query["starting_after"] = page["data"][-1]["id"]

    async def create(self, kind: str, params: dict[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
        """The new object. Name a key wherever a crash between this call and our commit could repeat it."""
        path, body = collection(kind, params)
        return await self.calls.call("post", path, body, idempotency_key)

    async def update(
        self, kind: str, stripe_id: str, params: dict[str, Any], idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """The object as it is after the change. "" clears a field, None leaves it."""
        return await self.calls.call("post", member(kind, stripe_id), params, idempotency_key)

    async def act(self, kind: str, stripe_id: str, verb: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The object as it is after one of Stripe's own verbs on it: `pay` an invoice, `release` a schedule."""
        return await self.calls.call("post", f"{member(kind, stripe_id)}/{verb}", params)

    async def delete(self, kind: str, stripe_id: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Delete it, or cancel it where that is what Stripe's DELETE does (a subscription)."""
        return await self.calls.call("delete", member(kind, stripe_id), params)

    async def close(self) -> None:
        """Close the connection; nothing may be asked afterwards."""
        await self.calls.close()

    async def _read(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        if self._budget is not None:
            await self._budget.take()
        return await self.calls.call("get", path, query)


class _Background(StripeApi):
    """Only `StripeApi.in_background` makes one: it has its owner's connection, and a budget."""

    def __init__(self, of: StripeApi) -> None:
        self.live = of.live
        self.calls = of.calls
        self._budget = ReadBudget(LIVE_PER_SECOND if of.live else TEST_PER_SECOND)
        self._background = self
