"""What every page of the portal does the same way: let the customer in, act in one transaction, say what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.portal.portal_sessions import SessionExpiredError, Visit, open_visit
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import typed
from licet_sandbox.pages.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    Act = Callable[[Tx, Visit, "Asked"], Response]
    Again = Callable[[Tx, Visit, "Asked", StripeError], Response]

PREFIX = "/p/session/{session}"


@dataclass(frozen=True)
class Asked:
    """What the browser sent: `id` in the path, the query, and a form's fields."""

    id: str
    query: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One address of the portal. again: shows the page once more, with what was wrong (400 or 402) on it."""

    method: str
    path: str
    act: Act
    again: Again | None = None


class Desk(Surface):
    """A group of the portal's pages."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        raise NotImplementedError

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what answers."""
        return [(entry.method, PREFIX + entry.path, self._handle(entry)) for entry in self.entries()]

    def _handle(self, entry: Entry) -> Handler:
        async def handle(request: Request) -> Response:
            form = typed.parse(await request.body())
            asked = Asked(request.path_params.get("id", ""), dict(request.query_params), form)
            answer = self._answer(entry, request.path_params["session"], asked)
            if entry.method == "POST":
                await self._sent()
            return answer

        return handle

    def _answer(self, entry: Entry, session_id: str, asked: Asked) -> Response:
        try:
            with self._engine.transaction() as tx:
                return entry.act(tx, open_visit(tx, session_id), asked)
        except SessionExpiredError as expired:
            return self._expired(expired)
        except StripeError as refusal:
            if entry.again is not None and refusal.status in {400, 402}:
                return self._again(entry.again, session_id, asked, refusal)
            return self._refused(session_id, refusal)

    def _again(self, again: Again, session_id: str, asked: Asked, refusal: StripeError) -> Response:
        try:
            with self._engine.transaction() as tx:
                return again(tx, open_visit(tx, session_id), asked, refusal)
        except StripeError as another:
            # The page itself is not to be had: say that instead.
            return self._refused(session_id, another)

    def _refused(self, session_id: str, refusal: StripeError) -> Response:
        headings = {403: "Not possible here", 404: "There is nothing here"}
        heading = headings.get(refusal.status, "That did not work")
        with self._engine.transaction() as tx:
            home = f"/p/session/{session_id}" if tx.find(session_id) is not None else None
        return self._message(heading, str(refusal), home, "Back to billing", refusal.status)

    def _expired(self, expired: SessionExpiredError, problem: str | None = None, status: int = 410) -> Response:
        session = expired.session
        values = {"return_url": session["return_url"], "login": expired.login, "problem": problem}
        return self._page("portal_expired.html", status, path=f"/p/session/{session['id']}", **values)

    def _show(self, visit: Visit, template: str, status: int = 200, **values: Any) -> Response:
        profile: Obj = visit.configuration["business_profile"]
        around = {
            "path": visit.path,
            "in_flow": visit.flow is not None,
            "is_home": False,
            "problem": None,
            "return_url": visit.session["return_url"],
            "terms": profile["terms_of_service_url"],
            "privacy": profile["privacy_policy_url"],
        }
        return self._page(template, status, **(around | values))
