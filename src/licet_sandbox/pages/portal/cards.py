"""Pages to add, choose and remove the customer's cards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.next_actions import set_return_url
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.ids import random_text
from licet_sandbox.pages import form_input
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.offered_cards import TEST_CARDS
from licet_sandbox.pages.portal.portal_pages import PortalPages, PortalRoute
from licet_sandbox.resources.portal import cards

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "payment_method_update"
_FORM_LENGTH = 24


class Cards(PortalPages):
    """The pages of the customer's cards."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages."""
        return [
            PortalRoute("GET", "/cards/add", self.show),
            PortalRoute("POST", "/cards/add", self.add, self.show_error),
            PortalRoute("GET", "/cards/3ds/{id}", self.show_authentication),
            PortalRoute("POST", "/cards/3ds/{id}", self.authenticate, self.authentication_failed),
            PortalRoute("POST", "/cards/{id}/default", self.make_default),
            PortalRoute("POST", "/cards/{id}/remove", self.remove),
            PortalRoute("POST", "/subscriptions/{id}/card", self.pay_with),
        ]

    def show(self, _: Tx, visit: Visit, __: PortalRequest) -> Response:
        """The form to add a card."""
        visit.feature(_FEATURE)
        return self._form(visit, random_text(_FORM_LENGTH), "")

    def _form(self, visit: Visit, form: str, expiry: str, status: int = 200, **error: str | None) -> Response:
        values = {"form": form, "typed": {"expiry": expiry}, "field": None, "cards": TEST_CARDS}
        return self._portal_page(visit, "portal_card.html", status, **(values | error))

    def add(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Add the card and make it the default. Raises the 402 of a mistyped or declined card."""
        visit.feature(_FEATURE)
        form = request.form.get("form") or random_text(_FORM_LENGTH)
        setup = cards.add_card(tx, visit, form_input.read_card(request.form, datetime.fromtimestamp(tx.now, UTC)), form)
        if setup["status"] == "requires_action":
            return redirect(f"{visit.path}/cards/3ds/{setup['id']}")
        return redirect(complete_step(tx, visit, _FEATURE))

    def show_error(self, _: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """The form again, with what is wrong with the card."""
        form = request.form.get("form") or random_text(_FORM_LENGTH)
        error = {"problem": str(refusal), "field": form_input.field_of(refusal)}
        return self._form(visit, form, request.form.get("expiry", ""), refusal.status, **error)

    def show_authentication(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """The 3D Secure page."""
        setup = cards.get_card_setup(tx, visit, request.id)
        return self._page("authenticate.html", total=None) if _requires_action(setup) else redirect(visit.path)

    def authenticate(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Complete or fail 3D Secure; a failure raises its 402."""
        visit.feature(_FEATURE)
        setup = cards.get_card_setup(tx, visit, request.id)
        cards.authenticate_card(tx, visit, setup, completed=request.form.get("outcome") == "complete")
        return redirect(
            complete_step(tx, visit, _FEATURE) if setup["status"] == "succeeded" else f"{visit.path}/cards/add"
        )

    def authentication_failed(self, tx: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """3D Secure failed: the card is not saved, and the form can be sent again with another card."""
        setup = cards.get_card_setup(tx, visit, request.id)
        problem = "We could not authenticate your card. Please choose a different one and try again."
        return self._form(visit, setup["_"]["form"], "", refusal.status, problem=problem, field="card")

    def make_default(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Make a card the customer's default."""
        visit.feature(_FEATURE)
        cards.make_default(tx, visit, request.id)
        return redirect(visit.path)

    def remove(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Detach a card from the customer."""
        visit.feature(_FEATURE)
        cards.remove_card(tx, visit, request.id)
        return redirect(visit.path)

    def pay_with(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Choose the card of one subscription; continue with 3D Secure if that card requires it."""
        visit.feature(_FEATURE)
        subscription = visit.own(tx, "subscription", request.id)
        cards.set_subscription_card(tx, visit, subscription, request.form.get("method", ""))
        setup_id = subscription["pending_setup_intent"]
        setup = None if setup_id is None else tx.get("setup_intent", setup_id)
        if setup is None or not _requires_action(setup):
            return redirect(visit.path)
        set_return_url(setup, f"{tx.host.base_url}{visit.path}")
        tx.save(setup)
        return redirect(f"/3ds/{setup['id']}")


def _requires_action(setup: Obj) -> bool:
    return bool(setup["status"] == "requires_action")
