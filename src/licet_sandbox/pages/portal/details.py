"""What the shop knows of its customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.kit.fields import ADDRESS_KEYS
from licet_sandbox.pages import typed
from licet_sandbox.pages.portal.desk import Desk, Entry
from licet_sandbox.pages.surface import go
from licet_sandbox.resources.portal import portal_details

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.desk import Asked
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "customer_update"


class Details(Desk):
    """Name, addresses, telephone."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        return [Entry("GET", "/details", self.show), Entry("POST", "/details", self.save, self.show_again)]

    def show(self, _: Tx, visit: Visit, __: Asked) -> Response:
        """The form, filled in."""
        return self._form(visit, _known(visit.customer))

    def _form(self, visit: Visit, values: dict[str, str], problem: str | None = None, field: str = "") -> Response:
        allowed = visit.feature(_FEATURE)["allowed_updates"]
        status = 200 if problem is None else 400
        return self._show(
            visit, "portal_details.html", status, problem=problem, field=field, allowed=allowed, values=values
        )

    def save(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The form was sent."""
        if "email" in asked.form and "email" in visit.feature(_FEATURE)["allowed_updates"]:
            typed.read_email(asked.form)
        portal_details.update(tx, visit, asked.form)
        return go(complete_step(tx, visit, _FEATURE))

    def show_again(self, _: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """The form as it was typed, with what is wrong."""
        return self._form(visit, _known(visit.customer) | asked.form, str(refusal), refusal.error.get("param", ""))


def _known(customer: Obj) -> dict[str, str]:
    """Every field of the form, by its name."""
    shipping = customer["shipping"] or {}
    values = {name: customer[name] or "" for name in ("name", "email", "phone")}
    for prefix, address in (("", customer["address"] or {}), ("shipping_", shipping.get("address") or {})):
        values |= {prefix + key: address.get(key) or "" for key in ADDRESS_KEYS}
    return values | {"shipping_name": shipping.get("name") or ""}
