"""The bank's question about an intent that was confirmed through the API: what `next_action` sends the customer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.authentication import authenticate_intent, find_intent, requires_authentication
from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.billing.payments.next_actions import build_return_url
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import typed
from licet_sandbox.pages.surface import Surface, go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler
    from licet_sandbox.spec.shapes import Obj


class Authentication(Surface):
    """3-D Secure by itself."""

    def table(self) -> list[tuple[str, str, Handler]]:
        """The question and its answer."""
        return [("GET", "/3ds/{id}", self.ask), ("POST", "/3ds/{id}", self.answer)]

    async def ask(self, request: Request) -> Response:
        """The bank's question."""
        with self._engine.transaction() as tx:
            intent = find_intent(tx, request.path_params["id"])
            if not requires_authentication(intent):
                return self._over(intent)
            return self._page("authenticate.html", total=_total(intent))

    async def answer(self, request: Request) -> Response:
        """The customer's answer, and the way back to whoever sent him here."""
        completed = typed.parse(await request.body()).get("outcome") == "complete"
        intent_id = request.path_params["id"]
        try:
            with self._engine.transaction() as tx:
                intent = find_intent(tx, intent_id)
                if not requires_authentication(intent):
                    return self._over(intent)
                authenticate_intent(tx, intent, completed=completed)
        except StripeError as error:
            if error.status != 402:
                raise
        await self._sent()
        with self._engine.transaction() as tx:
            intent = find_intent(tx, intent_id)
        back = build_return_url(intent, completed=intent["status"] == "succeeded")
        return go(back) if back is not None else self._over(intent)

    def _over(self, intent: Obj) -> Response:
        back = build_return_url(intent, completed=intent["status"] == "succeeded")
        text = "It went well." if intent["status"] == "succeeded" else "It did not go well; another try begins anew."
        return self._message("That was 3D Secure", text, back, "Continue", 200)


def _total(intent: Obj) -> str | None:
    return format_amount(intent["amount"], intent["currency"]) if intent["object"] == "payment_intent" else None
