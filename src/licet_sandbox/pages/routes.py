"""The pages' routes. Every form is plain: POST, then a redirect, or the page again with what is wrong."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from licet_sandbox.billing import checkout, quantities, recovery, settlement
from licet_sandbox.billing.checkout_totals import enter_code, remove_code
from licet_sandbox.billing.lines import format_amount
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import typed, views
from licet_sandbox.pages.surface import Surface, go

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NOTHING_TYPED = {"email": "", "expiry": "", "phone": "", "business_name": "", "individual_name": ""}


class Pages(Surface):
    """Checkout, invoices and receipts."""

    def routes(self, guard: Callable[[Handler], Handler]) -> list[Route]:
        """Every page, guarded."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/c/pay/{id}", self.show_checkout),
            ("POST", "/c/pay/{id}", self.pay_checkout),
            ("POST", "/c/pay/{id}/promotion", self.enter_promotion),
            ("POST", "/c/pay/{id}/quantity", self.change_quantity),
            ("GET", "/c/recover/{id}", self.recover),
            ("GET", "/c/pay/{id}/3ds", self.show_checkout_3ds),
            ("POST", "/c/pay/{id}/3ds", self.leave_checkout_3ds),
            ("GET", "/i/{id}", self.show_invoice),
            ("POST", "/i/{id}", self.pay_invoice),
            ("GET", "/i/{id}/3ds", self.show_invoice_3ds),
            ("POST", "/i/{id}/3ds", self.leave_invoice_3ds),
            ("GET", "/i/{id}/print", self.print_invoice),
            ("GET", "/receipts/{id}", self.show_receipt),
        ]
        return [Route(path, guard(self._safely(handler)), methods=[method]) for method, path, handler in table]

    async def show_checkout(self, request: Request) -> Response:
        """What is bought, and the form to pay it."""
        return self._checkout_page(_id(request), problem=_FAILURES.get(request.query_params.get("failed", "")))

    async def pay_checkout(self, request: Request) -> Response:
        """The button was pressed."""
        form = typed.parse(await request.body())
        engine, session_id = self._engine, _id(request)
        try:
            with engine.transaction() as tx:
                session = tx.get("checkout.session", session_id)
                if session["status"] != "open":
                    return self._ended_page(session)
                done = checkout.submit(tx, session, self._buyer(tx, session, form))
        except StripeError as error:
            await self._sent()
            return self._checkout_page(session_id, form, str(error), typed.field_of(error), error.status)
        await self._sent()
        return go(checkout.success_address(session) if done else f"/c/pay/{session_id}/3ds")

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
                    remove_code(tx, session)
                else:
                    enter_code(tx, session, text)
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
                quantities.adjust(tx, session, form.get("line"), quantity)
        except StripeError as error:
            return self._checkout_page(session_id, problem=str(error), status=error.status)
        return go(f"/c/pay/{session_id}")

    async def recover(self, request: Request) -> Response:
        """What expired, once more: a new session like it."""
        with self._engine.transaction() as tx:
            again = recovery.recover(tx, tx.get("checkout.session", _id(request)))
            return go(f"/c/pay/{again['id']}")

    def _buyer(self, tx: Tx, session: Obj, form: dict[str, str]) -> checkout.Buyer:
        email = checkout.known_email(tx, session) or typed.read_email(form)
        if not checkout.needs_card(session):
            return checkout.Buyer(email, None, answers=typed.read_answers(form))
        card = typed.read_card(form, self._engine.clock.now())
        return checkout.Buyer(email, card.card, card.exp_month, card.exp_year, answers=typed.read_answers(form))

    async def show_checkout_3ds(self, request: Request) -> Response:
        """The bank's question."""
        with self._engine.transaction() as tx:
            session = tx.get("checkout.session", _id(request))
            if not checkout.awaits_authentication(tx, session):
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
                if not checkout.awaits_authentication(tx, session):
                    return go(f"/c/pay/{session_id}")
                checkout.authenticate(tx, session, completed=outcome == "complete")
        except StripeError as error:
            if error.status != 402:
                raise
            await self._sent()
            return go(f"/c/pay/{session_id}?failed=3ds")
        await self._sent()
        return go(checkout.success_address(session))

    async def show_invoice(self, request: Request) -> Response:
        """An invoice, and the form to pay it while it is open."""
        return self._invoice_page(_id(request), problem=_FAILURES.get(request.query_params.get("failed", "")))

    async def pay_invoice(self, request: Request) -> Response:
        """With the card on file, or with another one."""
        form = typed.parse(await request.body())
        invoice_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                invoice = tx.get("invoice", invoice_id)
                if invoice["status"] != "open":
                    return go(f"/i/{invoice_id}")
                card = None if form.get("use") == "on_file" else typed.read_card(form, self._engine.clock.now())
                settlement.pay(tx, invoice, card, keep=form.get("keep") == "yes")
        except StripeError as error:
            await self._sent()
            return self._invoice_page(invoice_id, form, str(error), typed.field_of(error), error.status)
        await self._sent()
        return go(f"/i/{invoice_id}" if invoice["status"] == "paid" else f"/i/{invoice_id}/3ds")

    async def show_invoice_3ds(self, request: Request) -> Response:
        """The bank's question."""
        with self._engine.transaction() as tx:
            invoice = tx.get("invoice", _id(request))
            if not settlement.awaits_authentication(tx, invoice):
                return go(f"/i/{invoice['id']}")
            return self._page("authenticate.html", total=format_amount(invoice["total"], invoice["currency"]))

    async def leave_invoice_3ds(self, request: Request) -> Response:
        """The customer's answer to the bank."""
        outcome = typed.parse(await request.body()).get("outcome")
        invoice_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                invoice = tx.get("invoice", invoice_id)
                if settlement.awaits_authentication(tx, invoice):
                    settlement.authenticate(tx, invoice, completed=outcome == "complete")
        except StripeError as error:
            if error.status != 402:
                raise
            await self._sent()
            return go(f"/i/{invoice_id}?failed=3ds")
        await self._sent()
        return go(f"/i/{invoice_id}")

    async def print_invoice(self, request: Request) -> Response:
        """The invoice as a page to print; what `invoice_pdf` links to."""
        with self._engine.transaction() as tx:
            return self._page("paper.html", **views.paper_view(tx.get("invoice", _id(request))))

    async def show_receipt(self, request: Request) -> Response:
        """What `receipt_url` links to."""
        with self._engine.transaction() as tx:
            return self._page("paper.html", **views.receipt_view(tx.get("charge", _id(request))))

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
            view = views.setup_view(tx, session) if saving else views.pay_view(tx, session)
        typed_before = {**_NOTHING_TYPED, **(form or {})}
        view |= {"code_problem": code_problem, "code_typed": code_typed}
        template = "setup.html" if saving else "pay.html"
        return self._page(template, status, problem=problem, field=field, typed=typed_before, **view)

    def _invoice_page(
        self,
        invoice_id: str,
        form: dict[str, str] | None = None,
        problem: str | None = None,
        field: str | None = None,
        status: int = 200,
    ) -> Response:
        with self._engine.transaction() as tx:
            view = views.invoice_view(tx, tx.get("invoice", invoice_id))
        typed_before = {**_NOTHING_TYPED, **(form or {})}
        return self._page("invoice.html", status, problem=problem, field=field, typed=typed_before, **view)

    def _ended_page(self, session: Obj) -> Response:
        if session["status"] == "complete":
            link = checkout.success_address(session)
            if session["mode"] == "setup":
                return self._message("Already saved", "This card is kept for later payments.", link, "Continue", 200)
            return self._message("Already paid", "This order is complete.", link, "Continue", 200)
        return self._message("Too late", "This checkout has expired.", session["cancel_url"], "Back to the shop", 410)


# What the page says that somebody is sent back to.
_FAILURES = {
    "3ds": "We could not authenticate your payment method. Please choose a different one and try again.",
    "payment": "The card on file did not pay. Please choose a different one and try again.",
}


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def static_files() -> StaticFiles:
    """The stylesheet."""
    return StaticFiles(directory=str(resources.files("licet_sandbox.pages").joinpath("static")))
