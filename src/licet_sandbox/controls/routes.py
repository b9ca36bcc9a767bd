"""The routes of `/_sandbox`. JSON, camelCase; errors are `{"error": {"type", "message", …}}`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from licet_sandbox.billing.collection.dunning import AFTER_RETRIES, Dunning, load_dunning, save_dunning
from licet_sandbox.billing.portal import portal_configurations
from licet_sandbox.controls import buyer
from licet_sandbox.controls.body import Body
from licet_sandbox.controls.deliveries import DeliveryControls
from licet_sandbox.controls.refunds_and_disputes import RefundAndDisputeControls
from licet_sandbox.controls.times import parse_time, rfc3339
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.timekeeper import ClockBusy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from starlette.requests import Request

    from licet_sandbox.engine import Engine
    from licet_sandbox.timekeeper import Timekeeper

    ControlHandler = Callable[[Request, Body], Coroutine[Any, Any, Any]]

log = logging.getLogger("licet_sandbox.controls")

_MAX_RETRIES, _MAX_RETRY_DAYS = 8, 60
_MAX_ADVANCE_SECONDS = 3660 * 24 * 3600


class Controls:
    """Handlers of the controls."""

    def __init__(self, engine: Callable[[], Engine], timekeeper: Callable[[], Timekeeper]) -> None:
        self._engine_of = engine
        self._timekeeper_of = timekeeper

    @property
    def _engine(self) -> Engine:
        return self._engine_of()

    def routes(self, guard: Callable[[Callable[[Request], Awaitable[Response]]], Any]) -> list[Route]:
        """The routes of all controls, each wrapped in `guard`."""
        table: list[tuple[str, str, ControlHandler]] = [
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
        table += [
            *DeliveryControls(self._engine_of).control_table(),
            *RefundAndDisputeControls(self._engine_of).control_table(),
        ]
        made = [Route(f"/_sandbox{path}", guard(_answer(handler)), methods=[method]) for method, path, handler in table]
        others = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*made, Route("/_sandbox/{rest:path}", guard(_answer(_unknown)), methods=others)]

    async def pay(self, request: Request, body: Body) -> Any:
        """Pay a checkout session as the buyer, including 3D Secure."""
        number = body.text("card", "4242424242424242")
        three_ds = body.choice("threeDS", ("complete", "fail"))
        email = body.text("email", None)
        code = body.text("promotionCode", None)
        quantity, answers = body.integer("quantity"), buyer.read_answers(body)
        body.end()
        options: dict[str, Any] = {"complete": three_ds == "complete", "email": email, "promotion_code": code}
        options |= {"quantity": quantity, "answers": answers}
        try:
            paid = buyer.pay_session(self._engine, request.path_params["id"], number, **options)
        finally:
            await self._engine.deliveries.wait_until_sent()
        return paid

    async def cancel(self, request: Request, body: Body) -> Any:
        """Leave the checkout as the buyer does with the back link; the session stays open."""
        body.end()
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", request.path_params["id"])
            return {"status": session["status"], "redirectTo": session["cancel_url"]}

    async def authenticate(self, request: Request, body: Body) -> Any:
        """Complete or fail 3D Secure as the customer; failing answers Stripe's 402."""
        three_ds = body.choice("threeDS", ("complete", "fail"))
        body.end()
        try:
            return buyer.authenticate_intent(
                self._engine, _path_kind(request), request.path_params["id"], three_ds == "complete"
            )
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def clock(self, _: Request, body: Body) -> Any:
        """Show the sandbox's time."""
        body.end()
        clock = self._engine.clock
        return {"now": rfc3339(clock.timestamp()), "offsetSeconds": round(clock.offset, 3)}

    async def advance(self, request: Request, body: Body) -> Any:
        """Advance the clock; everything that is due until then happens, in order."""
        now = self._engine.clock.timestamp()
        seconds, to = body.number("seconds"), body.text("to", None)
        body.end()
        if (seconds is None) == (to is None):
            raise invalid('Give {"seconds": n} or {"to": "2027-01-01T00:00:00Z"}.')
        target = now + seconds if seconds is not None else parse_time(str(to))
        if not now <= target <= now + _MAX_ADVANCE_SECONDS:
            raise invalid("The clock only moves forward, by at most ten years.")
        try:
            await self._timekeeper_of().advance(target)
        except ClockBusy as busy:
            raise invalid(str(busy), status=409) from None
        return await self.clock(request, Body({}))

    async def change_card(self, request: Request, body: Body) -> Any:
        """Change the card of a customer and of its subscriptions."""
        number = body.text("card", None)
        body.end()
        if number is None:
            raise invalid('Give {"card": "4000000000000341"}.', param="card")
        try:
            return buyer.change_card(self._engine, request.path_params["id"], number)
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def save_portal(self, _: Request, body: Body) -> Any:
        """Save the default portal configuration, which Stripe requires before the first portal session."""
        body.end()
        try:
            with self._engine.transaction() as tx:
                return {"configuration": portal_configurations.save_default(tx)["id"]}
        finally:
            await self._engine.deliveries.wait_until_sent()

    async def dunning(self, _: Request, body: Body) -> Any:
        """Show the dunning settings: retries after a failed renewal."""
        body.end()
        return _dunning_view(load_dunning(self._engine.store))

    async def set_dunning(self, _: Request, body: Body) -> Any:
        """Set the dunning settings; `{}` restores the defaults."""
        settings = _read_dunning(body)
        with self._engine.transaction() as tx:
            save_dunning(tx.store, settings)
        return _dunning_view(settings)

    async def reset(self, _: Request, body: Body) -> Any:
        """Delete all data except webhook endpoints and the clock, which running clients depend on."""
        body.end()
        self._engine.reset()
        return {}


def _path_kind(request: Request) -> str:
    """The kind of object in the path: `setup_intent` for `/_sandbox/setup_intents/…`."""
    return request.url.path.split("/")[2].removesuffix("s")


async def _unknown(request: Request, _: Body) -> Any:
    raise invalid(f"The sandbox has no control {request.method} {request.url.path}.", status=404)


def _answer(handler: Callable[[Request, Body], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a control: parse the JSON body, respond with JSON."""

    async def handle(request: Request) -> Response:
        try:
            raw = await request.body()
            return JSONResponse(await handler(request, Body.parse(raw)))
        except StripeError as error:
            return JSONResponse(error.body, error.status)
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return JSONResponse(
                {"error": {"type": "api_error", "message": "The sandbox failed. See its log for the reason."}}, 500
            )

    return handle


def _read_dunning(body: Body) -> Dunning:
    """The settings of a body; absent fields have their defaults."""
    after_retries = body.choice("afterRetries", AFTER_RETRIES)
    days = body.all().pop("retryDays", list(Dunning.retry_days))
    body.end()
    whole = isinstance(days, list) and all(type(day) is int and 1 <= day <= _MAX_RETRY_DAYS for day in days)
    if not whole or len(days) > _MAX_RETRIES:
        message = f"retryDays must be a list of at most {_MAX_RETRIES} whole numbers from 1 to {_MAX_RETRY_DAYS}."
        raise invalid(message, param="retryDays")
    return Dunning(after_retries, tuple(days))


def _dunning_view(dunning: Dunning) -> dict[str, Any]:
    """The settings as JSON."""
    return {"afterRetries": dunning.after_retries, "retryDays": list(dunning.retry_days)}
