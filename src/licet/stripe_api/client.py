"""The client of Stripe's API. Objects are plain dicts, as in Stripe's JSON."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from licet.errors import StripeRefused
from licet.stripe_api.budget import LIVE_PER_SECOND, TEST_PER_SECOND, ReadBudget
from licet.stripe_api.calls import Calls
from licet.stripe_api.failures import is_missing
from licet.stripe_api.paths import collection, member

PAGE_SIZE = 100
"""Objects per page, the most that Stripe allows."""


class StripeApi:
    """Stripe's API. `kind` is the value of an object's `object` field: "customer", "checkout.session".

    base_url: another server than Stripe, such as the sandbox. timeout_seconds: for one try; all tries of a call
    together take at most 20 s. All methods raise CardDeclined, StripeRefused, StripeUnavailable.
    """

    def __init__(self, secret_key: str, *, base_url: str | None = None, timeout_seconds: float = 10.0) -> None:
        self.live = secret_key[3:].startswith("live_")
        self.calls = Calls(secret_key, base_url, timeout_seconds)
        self._budget: ReadBudget | None = None
        self._background: StripeApi | None = None

    @property
    def in_background(self) -> "StripeApi":
        """The same connection for background work: its reads are limited by the budget (`budget.py`)."""
        if self._background is None:
            self._background = _Background(self)
        return self._background

    async def retrieve(self, kind: str, stripe_id: str, expand: Sequence[str] = ()) -> dict[str, Any] | None:
        """Retrieves an object; None if it does not exist.

        A deleted one may be returned as `{"deleted": true}`.
        """
        try:
            return await self._read(member(kind, stripe_id), {"expand": list(expand)} if expand else {})
        except StripeRefused as error:
            if is_missing(error) and error.details.get("stripeStatus") == 404:
                return None
            raise

    async def list_all(self, kind: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """Yields all objects that match the parameters, the newest first.

        It reads the next page when it is needed. `list_all("item", session=…)` lists the lines of a session and
        `list_all("line_item", invoice=…)` those of an invoice.
        """
        path, query = collection(kind, params)
        query.setdefault("limit", PAGE_SIZE)
        while True:
            page = await self._read(path, query)
            for obj in page["data"]:
                yield obj
            if not page["has_more"] or not page["data"]:
                return
            query["starting_after"] = page["data"][-1]["id"]

    async def create(self, kind: str, params: dict[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
        """Creates an object. Pass a key if a crash between this call and the commit could repeat the call."""
        path, body = collection(kind, params)
        return await self.calls.call("post", path, body, idempotency_key)

    async def update(
        self, kind: str, stripe_id: str, params: dict[str, Any], idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Updates an object and returns the updated one. "" clears a field, None leaves it unchanged."""
        return await self.calls.call("post", member(kind, stripe_id), params, idempotency_key)

    async def act(self, kind: str, stripe_id: str, verb: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Applies one of Stripe's verbs, such as `pay` (invoice) or `release` (schedule).

        Returns the updated object.
        """
        return await self.calls.call("post", f"{member(kind, stripe_id)}/{verb}", params)

    async def delete(self, kind: str, stripe_id: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Deletes an object, or cancels it if Stripe's DELETE does so (a subscription)."""
        return await self.calls.call("delete", member(kind, stripe_id), params)

    async def close(self) -> None:
        """Closes the connection. No call is possible afterwards."""
        await self.calls.close()

    async def _read(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        if self._budget is not None:
            await self._budget.acquire()
        return await self.calls.call("get", path, query)


class _Background(StripeApi):
    """The client of `StripeApi.in_background`: it shares its owner's connection and has a budget."""

    def __init__(self, of: StripeApi) -> None:
        self.live = of.live
        self.calls = of.calls
        self._budget = ReadBudget(LIVE_PER_SECOND if of.live else TEST_PER_SECOND)
        self._background = self
