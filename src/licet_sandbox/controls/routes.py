"""The routes of `/_sandbox`. JSON, camelCase; errors are `{"error": {"type", "message", …}}`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from licet_sandbox.billing.collection.dunning import load_dunning, save_dunning
from licet_sandbox.billing.portal import portal_configurations
from licet_sandbox.controls import buyer, dashboard, dunning
from licet_sandbox.controls.answers import read_answers
from licet_sandbox.controls.body import Body
from licet_sandbox.controls.deliveries import DeliveryControls
from licet_sandbox.controls.reversals import Reversals
from licet_sandbox.controls.times import moment, rfc3339
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.timekeeper import ClockBusy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from starlette.requests import Request

    from licet_sandbox.engine import Engine
    from licet_sandbox.timekeeper import Timekeeper

    Act = Callable[[Request, Body], Coroutine[Any, Any, Any]]

log = logging.getLogger("licet_sandbox.controls")

_LONGEST_ADVANCE_SECONDS = 3660 * 24 * 3600


class Controls:
    """What stands behind the routes."""

    def __init__(self, engine: Callable[[], Engine], timekeeper: Callable[[], Timekeeper]) -> None:
        self._engine_of = engine
        self._timekeeper_of = timekeeper

    @property
    def _engine(self) -> Engine:
        return self._engine_of()

    def routes(self, guard: Callable[[Callable[[Request], Awaitable[Response]]], Any]) -> list[Route]:
        """Every control, guarded."""
        table: list[tuple[str, str, Act]] = [
            ("POST", "/checkout/{id}/pay", self.pay),
            ("POST", "/checkout/{id}/cancel", self.cancel),
            ("GET", "/clock", self.clock),
            ("POST", "/clock/advance", self.advance),
            ("POST", "/customers/{id}/card", self.change_card),
            ("POST", "/payment_intents/{id}/authenticate", self.authenticate),
            ("POST", "/portal", self.save_portal),
            ("POST", "/setup_intents/{id}/authenticate", self.authenticate),
            ("GET", "/dunning", self.dunning),
            ("POST", "/dunning", self.set_dunning),
            ("POST", "/reset", self.reset),
        ]
        table += [*DeliveryControls(self._engine_of).table(), *Reversals(self._engine_of).table()]
        made = [Route(f"/_sandbox{path}", guard(_answer(act)), methods=[method]) for method, path, act in table]
        others = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*made, Route("/_sandbox/{rest:path}", guard(_answer(_unknown)), methods=others)]

    async def pay(self, request: Request, body: Body) -> Any:
        """What the buyer does on the hosted page, 3-D Secure included."""
        number = body.text("card", "4242424242424242")
        three_ds = body.choice("threeDS", ("complete", "fail"))
        email = body.text("email", None)
        code = body.text("promotionCode", None)
        quantity, answers = body.integer("quantity"), read_answers(body)
        body.end()
        how: dict[str, Any] = {"complete": three_ds == "complete", "email": email, "promotion_code": code}
        how |= {"quantity": quantity, "answers": answers}
        try:
            paid = buyer.pay(self._engine, request.path_params["id"], number, **how)
        finally:
            await self._engine.deliveries.wait_until_sent()
        return paid

    async def cancel(self, request: Request, body: Body) -> Any:
        """The buyer goes back; the session stays open."""
        body.end()
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", request.path_params["id"])
            return {"status": session["status"], "redirectTo": session["cancel_url"]}

    async def authenticate(self, request: Request, body: Body) -> Any:
        """The customer goes through 3-D Secure, or fails there: Stripe's 402."""
        three_ds = body.choice("threeDS", ("complete", "fail"))
        body.end()
        try:
            return buyer.authenticate(
                self._engine, _path_kind(request), request.path_params["id"], three_ds == "complete"
            )
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def clock(self, _: Request, body: Body) -> Any:
        """What time it is here."""
        body.end()
        clock = self._engine.clock
        return {"now": rfc3339(clock.timestamp()), "offsetSeconds": round(clock.offset, 3)}

    async def advance(self, request: Request, body: Body) -> Any:
        """Turn the clock forward; everything that is due on the way happens, in order."""
        now = self._engine.clock.timestamp()
        seconds, to = body.number("seconds"), body.text("to", None)
        body.end()
        if (seconds is None) == (to is None):
            raise invalid('Give {"seconds": n} or {"to": "2027-01-01T00:00:00Z"}.')
        target = now + seconds if seconds is not None else moment(str(to))
        if not now <= target <= now + _LONGEST_ADVANCE_SECONDS:
            raise invalid("The clock only moves forward, by ten years at most.")
        try:
            await self._timekeeper_of().advance(target)
        except ClockBusy as busy:
            raise invalid(str(busy), status=409) from None
        return await self.clock(request, Body({}))

    async def change_card(self, request: Request, body: Body) -> Any:
        """The customer changes the card, on itself and on its subscriptions."""
        number = body.text("card", None)
        body.end()
        if number is None:
            raise invalid('Give {"card": "4000000000000341"}.', param="card")
        try:
            return dashboard.change_card(self._engine, request.path_params["id"], number)
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def save_portal(self, _: Request, body: Body) -> Any:
        """Save the portal's settings, as Stripe's dashboard wants it once before portal sessions can be made."""
        body.end()
        try:
            with self._engine.transaction() as tx:
                return {"configuration": portal_configurations.save_default(tx)["id"]}
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def dunning(self, _: Request, body: Body) -> Any:
        """What follows a failed renewal."""
        body.end()
        return dunning.show(load_dunning(self._engine.store))

    async def set_dunning(self, _: Request, body: Body) -> Any:
        """Let this follow from now on; `{}` is the default again."""
        wanted = dunning.read(body)
        with self._engine.transaction() as tx:
            save_dunning(tx.store, wanted)
        return dunning.show(wanted)

    async def reset(self, _: Request, body: Body) -> Any:
        """Empty it. Webhook endpoints and the clock stay: who lives by them goes on."""
        body.end()
        self._engine.reset()
        return {}


def _path_kind(request: Request) -> str:
    """The kind of object that the path names: `/_sandbox/setup_intents/…` is about a `setup_intent`."""
    return request.url.path.split("/")[2].removesuffix("s")


async def _unknown(request: Request, _: Body) -> Any:
    raise invalid(f"The sandbox has no control {request.method} {request.url.path}.", status=404)


def _answer(act: Callable[[Request, Body], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """JSON in, JSON out."""

    async def handle(request: Request) -> Response:
        try:
            raw = await request.body()
            return JSONResponse(await act(request, Body.parse(raw)))
        except StripeError as error:
            return JSONResponse(error.body, error.status)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return JSONResponse(
                {"error": {"type": "api_error", "message": "The sandbox failed; its log says why."}}, 500
            )

    return handle
