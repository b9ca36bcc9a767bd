"""The hosted invoice, its printable page, and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import hosted_payment
from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.errors import StripeError
from licet_sandbox.pages import invoice_views, typed
from licet_sandbox.pages.surface import Surface, failure, go

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from licet_sandbox.pages.surface import Handler


class Invoices(Surface):
    """Invoices and receipts, as the customer meets them."""

    def table(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what answers."""
        return [
            ("GET", "/i/{id}", self.show_invoice),
            ("POST", "/i/{id}", self.pay_invoice),
            ("GET", "/i/{id}/3ds", self.show_invoice_3ds),
            ("POST", "/i/{id}/3ds", self.leave_invoice_3ds),
            ("GET", "/i/{id}/print", self.print_invoice),
            ("GET", "/receipts/{id}", self.show_receipt),
        ]

    async def show_invoice(self, request: Request) -> Response:
        """An invoice, and the form to pay it while it is open."""
        return self._invoice_page(_id(request), problem=failure(request))

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
                hosted_payment.pay_on_invoice_page(tx, invoice, card, keep=form.get("keep") == "yes")
        except StripeError as error:
            await self._sent()
            return self._invoice_page(invoice_id, form, str(error), typed.field_of(error), error.status)
        await self._sent()
        return go(f"/i/{invoice_id}" if invoice["status"] == "paid" else f"/i/{invoice_id}/3ds")

    async def show_invoice_3ds(self, request: Request) -> Response:
        """The bank's question."""
        with self._engine.transaction() as tx:
            invoice = tx.get("invoice", _id(request))
            if not hosted_payment.invoice_requires_action(tx, invoice):
                return go(f"/i/{invoice['id']}")
            return self._page("authenticate.html", total=format_amount(invoice["total"], invoice["currency"]))

    async def leave_invoice_3ds(self, request: Request) -> Response:
        """The customer's answer to the bank."""
        outcome = typed.parse(await request.body()).get("outcome")
        invoice_id = _id(request)
        try:
            with self._engine.transaction() as tx:
                invoice = tx.get("invoice", invoice_id)
                if hosted_payment.invoice_requires_action(tx, invoice):
                    hosted_payment.authenticate_on_invoice_page(tx, invoice, completed=outcome == "complete")
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
            return self._page("paper.html", **invoice_views.paper_view(tx.get("invoice", _id(request))))

    async def show_receipt(self, request: Request) -> Response:
        """What `receipt_url` links to."""
        with self._engine.transaction() as tx:
            return self._page("paper.html", **invoice_views.receipt_view(tx.get("charge", _id(request))))

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
