"""The portal's first page, the way into a flow and out of it, and the way back into a session that has expired."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from licet_sandbox.billing.portal.portal_plans import only_item
from licet_sandbox.billing.portal.portal_sessions import SessionExpiredError, log_in
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import typed
from licet_sandbox.pages.portal.desk import PREFIX, Desk, Entry
from licet_sandbox.pages.portal.views import home_view
from licet_sandbox.pages.surface import go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.pages.portal.desk import Asked
    from licet_sandbox.pages.surface import Handler
    from licet_sandbox.state.tx import Tx


class Home(Desk):
    """Where a visit begins and ends."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        return [Entry("GET", "", self.show), Entry("GET", "/done", self.done)]

    def table(self) -> list[tuple[str, str, Handler]]:
        """These, and the login, which is apart because nobody is let in before it."""
        return [*super().table(), ("POST", f"{PREFIX}/login", self.login)]

    def show(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """Everything at a glance; with a flow, its step."""
        if visit.flow is not None:
            return go(visit.path + _address_of_step(tx, visit))
        everything = asked.query.get("invoices") == "all"
        return self._show(visit, "portal_home.html", is_home=True, **home_view(tx, visit, everything=everything))

    def done(self, _: Tx, visit: Visit, __: Asked) -> Response:
        """The confirmation after a flow."""
        confirmation = ((visit.session["flow"] or {}).get("after_completion") or {}).get("hosted_confirmation") or {}
        return self._show(visit, "portal_done.html", is_home=True, message=confirmation.get("custom_message"))

    async def login(self, request: Request) -> Response:
        """The customer of an expired session says who they are."""
        form = typed.parse(await request.body())
        session_id = request.path_params["session"]
        try:
            with self._engine.transaction() as tx:
                return go(log_in(tx, session_id, form.get("email", "")).path)
        except SessionExpiredError as expired:
            return self._expired(expired)
        except StripeError as refusal:
            if refusal.status != 400:
                raise
            with self._engine.transaction() as tx:
                session = tx.get("billing_portal.session", session_id)
            return self._expired(SessionExpiredError(session, login=True), str(refusal), 400)


def _address_of_step(tx: Tx, visit: Visit) -> str:
    """The page of a flow's step, below the portal's."""
    flow = visit.session["flow"]
    kind = flow["type"]
    if kind in {"customer_update", "payment_method_update"}:
        return {"customer_update": "/details", "payment_method_update": "/cards/add"}[kind]
    subscription_id = flow[kind]["subscription"]
    step = {"subscription_cancel": "cancel", "subscription_pause": "pause", "subscription_update": "change"}
    if kind in step:
        return f"/subscriptions/{subscription_id}/{step[kind]}"
    wanted = flow[kind]["items"][0]
    present = only_item(visit.own(tx, "subscription", subscription_id))
    chosen = {"price": wanted["price"] or present["price"]["id"], "quantity": wanted["quantity"]}
    return f"/subscriptions/{subscription_id}/confirm?{urlencode(chosen)}"
