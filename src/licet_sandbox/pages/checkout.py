"""The pages of a checkout session: pay or save a card, promotion code, quantity, 3D Secure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout import checkout_sessions, quantities, recovery
from licet_sandbox.billing.checkout.totals import apply_promotion_code, remove_promotion_code
from licet_sandbox.errors import StripeError
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages import checkout_views, form_input
from licet_sandbox.pages.hosted_pages import HostedPages, failure_message, redirect

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.hosted_pages import Handler
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_EMPTY_FORM = {"email": "", "expiry": "", "phone": "", "business_name": "", "individual_name": ""}


class Checkout(HostedPages):
    """The pages of a checkout session."""

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each page."""
        return [
            ("GET", "/c/pay/{id}", self.show_checkout),
            ("POST", "/c/pay/{id}", self.pay_checkout),
            ("POST", "/c/pay/{id}/promotion", self.enter_promotion),
            ("POST", "/c/pay/{id}/quantity", self.change_quantity),
            ("GET", "/c/recover/{id}", self.recover),
            ("GET", "/c/pay/{id}/3ds", self.show_checkout_authentication),
            ("POST", "/c/pay/{id}/3ds", self.authenticate_checkout),
        ]

    async def show_checkout(self, request: Request) -> Response:
        """The order, and the form to pay it."""
        return self._checkout_page(_id(request), problem=failure_message(request))

    async def pay_checkout(self, request: Request) -> Response:
        """Pay, subscribe or save the card; continue with 3D Secure if the card requires it."""
        form = form_input.parse(await request.body())
        engine, session_id = self._engine, _id(request)
        try:
            with engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if session["status"] != "open":
                    return self._ended_page(session)
                done = checkout_sessions.submit_session(tx, session, self._buyer(tx, session, form))
        except StripeError as error:
            await self._wait_for_webhooks()
            return self._checkout_page(session_id, form, str(error), form_input.field_of(error), error.status)
        await self._wait_for_webhooks()
        return redirect(checkout_sessions.build_success_url(session) if done else f"/c/pay/{session_id}/3ds")

    def _buyer(self, tx: Tx, session: Obj, form: dict[str, str]) -> checkout_sessions.Buyer:
        email = checkout_sessions.known_email(tx, session) or form_input.read_email(form)
        if not checkout_sessions.needs_card(session):
            return checkout_sessions.Buyer(email, None, answers=form_input.read_form_answers(form))
        card = form_input.read_card(form, self._engine.clock.now())
        return checkout_sessions.Buyer(
            email, card.card, card.exp_month, card.exp_year, answers=form_input.read_form_answers(form)
        )

    async def enter_promotion(self, request: Request) -> Response:
        """Apply or remove a promotion code."""
        form = form_input.parse(await request.body())
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
        return redirect(f"/c/pay/{session_id}")

    async def change_quantity(self, request: Request) -> Response:
        """Change the quantity of a line."""
        form = form_input.parse(await request.body())
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
        return redirect(f"/c/pay/{session_id}")

    async def recover(self, request: Request) -> Response:
        """Create a new session like an expired one, and redirect to it."""
        with self._engine.transaction() as tx:
            recovered = recovery.recover_session(tx, tx.get("checkout.session", _id(request)))
            return redirect(f"/c/pay/{recovered['id']}")

    async def show_checkout_authentication(self, request: Request) -> Response:
        """The 3D Secure page."""
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", _id(request))
            if not checkout_sessions.session_requires_action(tx, session):
                return redirect(f"/c/pay/{session['id']}")
            due = session["amount_total"]
            return self._page("authenticate.html", total=format_amount(due, session["currency"]) if due else None)

    async def authenticate_checkout(self, request: Request) -> Response:
        """Complete or fail 3D Secure."""
        outcome = form_input.parse(await request.body()).get("outcome")
        session_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if not checkout_sessions.session_requires_action(tx, session):
                    return redirect(f"/c/pay/{session_id}")
                checkout_sessions.authenticate_session(tx, session, completed=outcome == "complete")
        except StripeError as error:
            if error.status != 402:
                raise
            await self._wait_for_webhooks()
            return redirect(f"/c/pay/{session_id}?failed=3ds")
        await self._wait_for_webhooks()
        return redirect(checkout_sessions.build_success_url(session))

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
        typed_before = {**_EMPTY_FORM, **(form or {})}
        view |= {"code_problem": code_problem, "code_typed": code_typed}
        template = "setup.html" if saving else "pay.html"
        return self._page(template, status, problem=problem, field=field, typed=typed_before, **view)

    def _ended_page(self, session: Obj) -> Response:
        if session["status"] == "complete":
            link = checkout_sessions.build_success_url(session)
            if session["mode"] == "setup":
                return self._message("Already saved", "Your card is saved for future payments.", link, "Continue", 200)
            return self._message("Already paid", "This order is complete.", link, "Continue", 200)
        return self._message(
            "Checkout expired",
            "This checkout session has expired. Return to the shop to start a new one.",
            session["cancel_url"],
            "Return to the shop",
            410,
        )


def _id(request: Request) -> str:
    return str(request.path_params["id"])
