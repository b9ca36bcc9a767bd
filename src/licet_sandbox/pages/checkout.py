"""The checkout's pages: pay, or only save a card, with 3-D Secure where the card wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout import checkout_sessions, quantities, recovery
from licet_sandbox.billing.checkout.totals import apply_promotion_code, remove_promotion_code
from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import checkout_views, typed
from licet_sandbox.pages.surface import Surface, failure, go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NOTHING_TYPED = {"email": "", "expiry": "", "phone": "", "business_name": "", "individual_name": ""}


class Checkout(Surface):
    """A checkout session, as its buyer meets it."""

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what answers."""
        return [
            ("GET", "/c/pay/{id}", self.show_checkout),
            ("POST", "/c/pay/{id}", self.pay_checkout),
            ("POST", "/c/pay/{id}/promotion", self.enter_promotion),
            ("POST", "/c/pay/{id}/quantity", self.change_quantity),
            ("GET", "/c/recover/{id}", self.recover),
            ("GET", "/c/pay/{id}/3ds", self.show_checkout_3ds),
            ("POST", "/c/pay/{id}/3ds", self.leave_checkout_3ds),
        ]

    async def show_checkout(self, request: Request) -> Response:
        """What is bought, and the form to pay it."""
        return self._checkout_page(_id(request), problem=failure(request))

    async def pay_checkout(self, request: Request) -> Response:
        """The button was pressed."""
        form = typed.parse(await request.body())
        engine, session_id = self._engine, _id(request)
        try:
            with engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if session["status"] != "open":
                    return self._ended_page(session)
                done = checkout_sessions.submit_session(tx, session, self._buyer(tx, session, form))
        except StripeError as error:
            await self._sent()
            return self._checkout_page(session_id, form, str(error), typed.field_of(error), error.status)
        await self._sent()
        return go(checkout_sessions.build_success_url(session) if done else f"/c/pay/{session_id}/3ds")

    def _buyer(self, tx: Tx, session: Obj, form: dict[str, str]) -> checkout_sessions.Buyer:
        email = checkout_sessions.known_email(tx, session) or typed.read_email(form)
        if not checkout_sessions.needs_card(session):
            return checkout_sessions.Buyer(email, None, answers=typed.read_answers(form))
        card = typed.read_card(form, self._engine.clock.now())
        return checkout_sessions.Buyer(
            email, card.card, card.exp_month, card.exp_year, answers=typed.read_answers(form)
        )

    async def enter_promotion(self, request: Request) -> Response:
        """A promotion code was typed, or taken back."""
        form = typed.parse(await request.body())
        session_id, text = _id(request), form.get("code", "")
        try:
            with self._engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if session["status"] != "open":
                    return self._ended_page(session)
                if "remove" in form:
                    remove_promotion_code(tx, session)
                else:
                    apply_promotion_code(tx, session, text)
        except StripeError as error:
            return self._checkout_page(session_id, status=error.status, code_problem=str(error), code_typed=text)
        return go(f"/c/pay/{session_id}")

    async def change_quantity(self, request: Request) -> Response:
        """More or less of a line."""
        form = typed.parse(await request.body())
        session_id, text = _id(request), form.get("quantity", "")
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", session_id)
            if session["status"] != "open":
                return self._ended_page(session)
        try:
            with self._engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                quantity = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
                quantities.adjust_quantity(tx, session, form.get("line"), quantity)
        except StripeError as error:
            return self._checkout_page(session_id, problem=str(error), status=error.status)
        return go(f"/c/pay/{session_id}")

    async def recover(self, request: Request) -> Response:
        """What expired, once more: a new session like it."""
        with self._engine.transaction() as tx:
            again = recovery.recover_session(tx, tx.get("checkout.session", _id(request)))
            return go(f"/c/pay/{again['id']}")

    async def show_checkout_3ds(self, request: Request) -> Response:
        """The bank's question."""
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", _id(request))
            if not checkout_sessions.session_requires_action(tx, session):
                return go(f"/c/pay/{session['id']}")
            due = session["amount_total"]
            return self._page("authenticate.html", total=format_amount(due, session["currency"]) if due else None)

    async def leave_checkout_3ds(self, request: Request) -> Response:
        """The buyer's answer to the bank."""
        outcome = typed.parse(await request.body()).get("outcome")
        session_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if not checkout_sessions.session_requires_action(tx, session):
                    return go(f"/c/pay/{session_id}")
                checkout_sessions.authenticate_session(tx, session, completed=outcome == "complete")
        except StripeError as error:
            if error.status != 402:
                raise
            await self._sent()
            return go(f"/c/pay/{session_id}?failed=3ds")
        await self._sent()
        return go(checkout_sessions.build_success_url(session))

    def _checkout_page(
        self,
        session_id: str,
        form: dict[str, str] | None = None,
        problem: str | None = None,
        field: str | None = None,
        status: int = 200,
        *,
        code_problem: str | None = None,
        code_typed: str = "",
    ) -> Response:
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", session_id)
            if session["status"] != "open":
                return self._ended_page(session)
            saving = session["mode"] == "setup"
            view = checkout_views.setup_view(tx, session) if saving else checkout_views.pay_view(tx, session)
        typed_before = {**_NOTHING_TYPED, **(form or {})}
        view |= {"code_problem": code_problem, "code_typed": code_typed}
        template = "setup.html" if saving else "pay.html"
        return self._page(template, status, problem=problem, field=field, typed=typed_before, **view)

    def _ended_page(self, session: Obj) -> Response:
        if session["status"] == "complete":
            link = checkout_sessions.build_success_url(session)
            if session["mode"] == "setup":
                return self._message("Already saved", "This card is kept for later payments.", link, "Continue", 200)
            return self._message("Already paid", "This order is complete.", link, "Continue", 200)
        return self._message("Too late", "This checkout has expired.", session["cancel_url"], "Back to the shop", 410)


def _id(request: Request) -> str:
    return str(request.path_params["id"])
