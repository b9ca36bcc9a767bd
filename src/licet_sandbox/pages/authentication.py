"""The 3D Secure page of an intent confirmed through the API: where `next_action` sends the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.authentication import authenticate_intent, find_intent, requires_authentication
from licet_sandbox.billing.payments.next_actions import build_return_url
from licet_sandbox.errors import StripeError
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages import form_input
from licet_sandbox.pages.hosted_pages import HostedPages, redirect

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.hosted_pages import Handler
    from licet_sandbox.spec.shapes import Obj


class Authentication(HostedPages):
    """3D Secure outside of Checkout, an invoice or the portal."""

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of the page and its form."""
        return [("GET", "/3ds/{id}", self.show_authentication), ("POST", "/3ds/{id}", self.answer)]

    async def show_authentication(self, request: Request) -> Response:
        """The 3D Secure page; if nothing requires it any more, how it ended."""
        with self._engine.transaction() as tx:
            intent = find_intent(tx, request.path_params["id"])
            if not requires_authentication(intent):
                return self._finished_page(intent)
            return self._page("authenticate.html", total=_total(intent))

    async def answer(self, request: Request) -> Response:
        """Complete or fail 3D Secure, then redirect to the intent's `return_url`."""
        completed = form_input.parse(await request.body()).get("outcome") == "complete"
        intent_id = request.path_params["id"]
        try:
            with self._engine.transaction() as tx:
                intent = find_intent(tx, intent_id)
                if not requires_authentication(intent):
                    return self._finished_page(intent)
                authenticate_intent(tx, intent, completed=completed)
        except StripeError as error:
            if error.status != 402:
                raise
        await self._wait_for_webhooks()
        with self._engine.transaction() as tx:
            intent = find_intent(tx, intent_id)
        back = build_return_url(intent, completed=intent["status"] == "succeeded")
        return redirect(back) if back is not None else self._finished_page(intent)

    def _finished_page(self, intent: Obj) -> Response:
        back = build_return_url(intent, completed=intent["status"] == "succeeded")
        succeeded = "Authentication succeeded."
        failed = "Authentication failed. To try again, start a new payment."
        text = succeeded if intent["status"] == "succeeded" else failed
        return self._message("3D Secure is complete", text, back, "Continue", 200)


def _total(intent: Obj) -> str | None:
    return format_amount(intent["amount"], intent["currency"]) if intent["object"] == "payment_intent" else None
