"""The hosted invoice page, the printable invoice, and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import hosted_payment
from licet_sandbox.errors import StripeError
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages import form_input, invoice_views
from licet_sandbox.pages.hosted_pages import HostedPages, failure_message, redirect

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.hosted_pages import Handler


class Invoices(HostedPages):
    """The pages of invoices and receipts."""

    def page_table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each page."""
        return [
            ("GET", "/i/{id}", self.show_invoice),
            ("POST", "/i/{id}", self.pay_invoice),
            ("GET", "/i/{id}/3ds", self.show_invoice_authentication),
            ("POST", "/i/{id}/3ds", self.authenticate_invoice),
            ("GET", "/i/{id}/print", self.print_invoice),
            ("GET", "/receipts/{id}", self.show_receipt),
        ]

    async def show_invoice(self, request: Request) -> Response:
        """An invoice, and the form to pay it while it is open."""
        return self._invoice_page(_id(request), problem=failure_message(request))

    async def pay_invoice(self, request: Request) -> Response:
        """Pay an invoice with the card on file or with another card."""
        form = form_input.parse(await request.body())
        invoice_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                invoice = tx.get("invoice", invoice_id)
                if invoice["status"] != "open":
                    return redirect(f"/i/{invoice_id}")
                card = None if form.get("use") == "on_file" else form_input.read_card(form, self._engine.clock.now())
                hosted_payment.pay_on_invoice_page(tx, invoice, card, keep=form.get("keep") == "yes")
        except StripeError as error:
            await self._wait_for_webhooks()
            return self._invoice_page(invoice_id, form, str(error), form_input.field_of(error), error.status)
        await self._wait_for_webhooks()
        return redirect(f"/i/{invoice_id}" if invoice["status"] == "paid" else f"/i/{invoice_id}/3ds")

    async def show_invoice_authentication(self, request: Request) -> Response:
        """The 3D Secure page."""
        with self._engine.transaction() as tx:
            invoice = tx.get("invoice", _id(request))
            if not hosted_payment.invoice_requires_action(tx, invoice):
                return redirect(f"/i/{invoice['id']}")
            return self._page("authenticate.html", total=format_amount(invoice["total"], invoice["currency"]))

    async def authenticate_invoice(self, request: Request) -> Response:
        """Complete or fail 3D Secure."""
        outcome = form_input.parse(await request.body()).get("outcome")
        invoice_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                invoice = tx.get("invoice", invoice_id)
                if hosted_payment.invoice_requires_action(tx, invoice):
                    hosted_payment.authenticate_on_invoice_page(tx, invoice, completed=outcome == "complete")
        except StripeError as error:
            if error.status != 402:
                raise
            await self._wait_for_webhooks()
            return redirect(f"/i/{invoice_id}?failed=3ds")
        await self._wait_for_webhooks()
        return redirect(f"/i/{invoice_id}")

    async def print_invoice(self, request: Request) -> Response:
        """The printable invoice, which `invoice_pdf` links to."""
        with self._engine.transaction() as tx:
            return self._page("printable.html", **invoice_views.printable_view(tx.get("invoice", _id(request))))

    async def show_receipt(self, request: Request) -> Response:
        """The receipt of a charge, which `receipt_url` links to."""
        with self._engine.transaction() as tx:
            return self._page("printable.html", **invoice_views.receipt_view(tx.get("charge", _id(request))))

    def _invoice_page(
        self,
        invoice_id: str,
        form: dict[str, str] | None = None,
        problem: str | None = None,
        field: str | None = None,
        status: int = 200,
    ) -> Response:
        with self._engine.transaction() as tx:
            view = invoice_views.invoice_view(tx, tx.get("invoice", invoice_id))
        typed_before = {"expiry": "", **(form or {})}
        return self._page("invoice.html", status, problem=problem, field=field, typed=typed_before, **view)


def _id(request: Request) -> str:
    return str(request.path_params["id"])
