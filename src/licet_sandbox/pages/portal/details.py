"""The page on which a customer changes their name, contact details and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.kit.fields import ADDRESS_KEYS
from licet_sandbox.pages import form_input
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.portal.portal_pages import PortalPages, PortalRoute
from licet_sandbox.resources.portal import customer_details

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "customer_update"


class Details(PortalPages):
    """The form with the customer's details."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of this page."""
        return [PortalRoute("GET", "/details", self.show), PortalRoute("POST", "/details", self.save, self.show_error)]

    def show(self, _: Tx, visit: Visit, __: PortalRequest) -> Response:
        """The form, filled with the current details."""
        return self._form(visit, _form_values(visit.customer))

    def _form(self, visit: Visit, values: dict[str, str], problem: str | None = None, field: str = "") -> Response:
        allowed = visit.feature(_FEATURE)["allowed_updates"]
        status = 200 if problem is None else 400
        return self._portal_page(
            visit, "portal_details.html", status, problem=problem, field=field, allowed=allowed, values=values
        )

    def save(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Save the details."""
        if "email" in request.form and "email" in visit.feature(_FEATURE)["allowed_updates"]:
            form_input.read_email(request.form)
        customer_details.update(tx, visit, request.form)
        return redirect(complete_step(tx, visit, _FEATURE))

    def show_error(self, _: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """The form as it was filled in, with the error."""
        return self._form(
            visit, _form_values(visit.customer) | request.form, str(refusal), refusal.error.get("param", "")
        )


def _form_values(customer: Obj) -> dict[str, str]:
    """The current value of every form field, by its name."""
    shipping = customer["shipping"] or {}
    values = {name: customer[name] or "" for name in ("name", "email", "phone")}
    for prefix, address in (("", customer["address"] or {}), ("shipping_", shipping.get("address") or {})):
        values |= {prefix + key: address.get(key) or "" for key in ADDRESS_KEYS}
    return values | {"shipping_name": shipping.get("name") or ""}
