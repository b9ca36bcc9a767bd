"""Base of the portal's pages: opens the session, runs the handler in one transaction, shows errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.portal.portal_sessions import SessionExpiredError, Visit, open_visit
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import form_input
from licet_sandbox.pages.hosted_pages import HostedPages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.hosted_pages import Handler
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    PortalHandler = Callable[[Tx, Visit, "PortalRequest"], Response]
    ErrorHandler = Callable[[Tx, Visit, "PortalRequest", StripeError], Response]

PREFIX = "/p/session/{session}"


@dataclass(frozen=True)
class PortalRequest:
    """What the browser sent: the `id` in the path, the query, and the form's fields."""

    id: str
    query: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True)
class PortalRoute:
    """One route of the portal. on_error: shows the page again with the error (400 or 402) of the handler."""

    method: str
    path: str
    handler: PortalHandler
    on_error: ErrorHandler | None = None


class PortalPages(HostedPages):
    """A group of portal pages."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages, with paths below the session's."""
        raise NotImplementedError

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each page."""
        return [(route.method, PREFIX + route.path, self._handle(route)) for route in self.portal_routes()]

    def _handle(self, route: PortalRoute) -> Handler:
        async def handle(http_request: Request) -> Response:
            form = form_input.parse(await http_request.body())
            params = http_request.path_params
            request = PortalRequest(params.get("id", ""), dict(http_request.query_params), form)
            response = self._respond(route, params["session"], request)
            if route.method == "POST":
                await self._wait_for_webhooks()
            return response

        return handle

    def _respond(self, route: PortalRoute, session_id: str, request: PortalRequest) -> Response:
        try:
            with self._engine.transaction() as tx:
                return route.handler(tx, open_visit(tx, session_id), request)
        except SessionExpiredError as expired:
            return self._expired_page(expired)
        except StripeError as refusal:
            if route.on_error is not None and refusal.status in {400, 402}:
                return self._error_page(route.on_error, session_id, request, refusal)
            return self._refusal_page(session_id, refusal)

    def _error_page(
        self, on_error: ErrorHandler, session_id: str, request: PortalRequest, refusal: StripeError
    ) -> Response:
        try:
            with self._engine.transaction() as tx:
                return on_error(tx, open_visit(tx, session_id), request, refusal)
        except StripeError as another:
            # The page cannot be shown either: show that error instead.
            return self._refusal_page(session_id, another)

    def _refusal_page(self, session_id: str, refusal: StripeError) -> Response:
        headings = {403: "Not available", 404: "Page not found"}
        heading = headings.get(refusal.status, "Something went wrong")
        with self._engine.transaction() as tx:
            home = f"/p/session/{session_id}" if tx.find(session_id) is not None else None
        return self._message(heading, str(refusal), home, "Back to billing", refusal.status)

    def _expired_page(self, expired: SessionExpiredError, problem: str | None = None, status: int = 410) -> Response:
        session = expired.session
        values = {"return_url": session["return_url"], "login": expired.login, "problem": problem}
        return self._page("portal_expired.html", status, path=f"/p/session/{session['id']}", **values)

    def _portal_page(self, visit: Visit, template: str, status: int = 200, **values: Any) -> Response:
        profile: Obj = visit.configuration["business_profile"]
        common = {
            "path": visit.path,
            "in_flow": visit.flow is not None,
            "is_home": False,
            "problem": None,
            "return_url": visit.session["return_url"],
            "terms": profile["terms_of_service_url"],
            "privacy": profile["privacy_policy_url"],
        }
        return self._page(template, status, **(common | values))
