"""The portal's first page, the start and end of a flow, and the login to an expired session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from licet_sandbox.billing.portal.portal_plans import only_item
from licet_sandbox.billing.portal.portal_sessions import SessionExpiredError, log_in
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import form_input
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.portal.portal_pages import PREFIX, PortalPages, PortalRoute
from licet_sandbox.pages.portal.views import home_view

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.pages.hosted_pages import Handler
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.state.tx import Tx


class Home(PortalPages):
    """The first page, the confirmation after a flow, and the login."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages."""
        return [PortalRoute("GET", "", self.show), PortalRoute("GET", "/done", self.done)]

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """The portal routes, and the login, which works without an open session."""
        return [*super().page_table(), ("POST", f"{PREFIX}/login", self.login)]

    def show(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """The overview; in a flow, a redirect to the page of its step."""
        if visit.flow is not None:
            return redirect(visit.path + _flow_step_path(tx, visit))
        everything = request.query.get("invoices") == "all"
        return self._portal_page(visit, "portal_home.html", is_home=True, **home_view(tx, visit, everything=everything))

    def done(self, _: Tx, visit: Visit, __: PortalRequest) -> Response:
        """The confirmation after a flow."""
        confirmation = ((visit.session["flow"] or {}).get("after_completion") or {}).get("hosted_confirmation") or {}
        return self._portal_page(visit, "portal_done.html", is_home=True, message=confirmation.get("custom_message"))

    async def login(self, request: Request) -> Response:
        """Log the customer in to an expired session by their email address."""
        form = form_input.parse(await request.body())
        session_id = request.path_params["session"]
        try:
            with self._engine.transaction() as tx:
                return redirect(log_in(tx, session_id, form.get("email", "")).path)
        except SessionExpiredError as expired:
            return self._expired_page(expired)
        except StripeError as refusal:
            if refusal.status != 400:
                raise
            with self._engine.transaction() as tx:
                session = tx.get("billing_portal.session", session_id)
            return self._expired_page(SessionExpiredError(session, login=True), str(refusal), 400)


def _flow_step_path(tx: Tx, visit: Visit) -> str:
    """The path of a flow's page, below the session's."""
    flow = visit.session["flow"]
    kind = flow["type"]
    if kind in {"customer_update", "payment_method_update"}:
        return {"customer_update": "/details", "payment_method_update": "/cards/add"}[kind]
    subscription_id = flow[kind]["subscription"]
    step = {"subscription_cancel": "cancel", "subscription_pause": "pause", "subscription_update": "change"}
    if kind in step:
        return f"/subscriptions/{subscription_id}/{step[kind]}"
    new_item = flow[kind]["items"][0]
    current_item = only_item(visit.own(tx, "subscription", subscription_id))
    chosen = {"price": new_item["price"] or current_item["price"]["id"], "quantity": new_item["quantity"]}
    return f"/subscriptions/{subscription_id}/confirm?{urlencode(chosen)}"
