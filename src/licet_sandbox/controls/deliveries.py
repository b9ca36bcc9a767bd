"""Controls of webhook deliveries (list, resend) and of faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from licet_sandbox.controls.times import rfc3339
from licet_sandbox.errors import invalid
from licet_sandbox.fault_settings import FaultsRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

    from licet_sandbox.controls.body import Body
    from licet_sandbox.engine import Engine

    ControlHandler = Callable[[Request, Body], Coroutine[Any, Any, Any]]

_STATES = {
    "pending": ("queued", "waiting"),
    "delivered": ("delivered",),
    "failed": ("failed",),
    "canceled": ("canceled",),
    "dropped": ("dropped",),
}


class DeliveryControls:
    """Handlers of the controls for deliveries and faults."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine_of = engine

    @property
    def _engine(self) -> Engine:
        return self._engine_of()

    def control_table(self) -> list[tuple[str, str, ControlHandler]]:
        """Method, path and handler of each control."""
        return [
            ("GET", "/deliveries", self.deliveries),
            ("POST", "/deliveries/{id}/resend", self.resend),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.set_faults),
            ("GET", "/faults/log", self.log),
        ]

    async def deliveries(self, request: Request, body: Body) -> Any:
        """List deliveries with their responses, newest first; `?event=`, `?endpoint=`, `?state=`, `?limit=`."""
        body.end()
        query = request.query_params
        unknown = [name for name in query if name not in {"event", "endpoint", "state", "limit"}]
        if unknown:
            raise invalid(f"Unknown parameter: {unknown[0]}.", param=unknown[0])
        limit = query.get("limit", "1000")
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
            raise invalid("limit must be a whole number.", param="limit")
        only: dict[str, Any] = {f"{name}_id": query[name] for name in ("event", "endpoint") if name in query}
        if "state" in query:
            if query["state"] not in _STATES:
                raise invalid(f"state must be one of {', '.join(_STATES)}.", param="state")
            only["state"] = _STATES[query["state"]]
        return {"data": [_delivery(row) for row in self._engine.deliveries.recent(int(limit), **only)]}

    async def resend(self, request: Request, body: Body) -> Any:
        """Send a delivery again."""
        body.end()
        given = request.path_params["id"]
        if not (given.isascii() and given.isdecimal() and len(given) < 19):
            raise invalid(f"No such delivery: {given[:60]}", status=404)
        if not self._engine.deliveries.resend(int(given)):
            raise invalid(f"No such delivery: {given}", status=404)
        await self._engine.deliveries.wait_until_sent()
        return _delivery(self._engine.deliveries.recent(1, id=int(given))[0])

    async def faults(self, _: Request, body: Body) -> Any:
        """Show the faults that are set."""
        body.end()
        return self._engine.faults.given

    async def set_faults(self, _: Request, body: Body) -> Any:
        """Set the faults; `{}` clears them."""
        try:
            with self._engine.transaction():
                self._engine.faults.set(body.all())
        except FaultsRefused as refusal:
            raise invalid(str(refusal)) from None
        return self._engine.faults.given

    async def log(self, _: Request, body: Body) -> Any:
        """List what the faults did since they were set, in order."""
        body.end()
        return {"data": [{**entry, "at": rfc3339(entry["at"])} for entry in self._engine.faults.log()]}


def _delivery(row: Any) -> dict[str, Any]:
    waits = row["state"] in _STATES["pending"]
    return {
        "id": row["id"],
        "eventId": row["event_id"],
        "eventType": row["event_type"],
        "endpointId": row["endpoint_id"],
        "url": row["url"],
        "state": "pending" if waits else row["state"],
        "attempts": row["attempts"],
        "nextAt": rfc3339(row["next_at"]) if waits and row["next_at"] else None,
        "faults": json.loads(row["faults"]),
        "answers": [{**answer, "at": rfc3339(answer["at"])} for answer in json.loads(row["answers"])],
    }
