"""The customer's cards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.next_actions import set_return_url
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.ids import random_text
from licet_sandbox.pages import typed
from licet_sandbox.pages.offered_cards import TEST_CARDS
from licet_sandbox.pages.portal.desk import Desk, Entry
from licet_sandbox.pages.surface import go
from licet_sandbox.resources.portal import portal_cards

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.desk import Asked
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "payment_method_update"
_FORM_LENGTH = 24


class Cards(Desk):
    """Adding, choosing and removing them."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        return [
            Entry("GET", "/cards/add", self.show),
            Entry("POST", "/cards/add", self.add, self.show_again),
            Entry("GET", "/cards/3ds/{id}", self.ask),
            Entry("POST", "/cards/3ds/{id}", self.leave, self.left),
            Entry("POST", "/cards/{id}/default", self.make_default),
            Entry("POST", "/cards/{id}/remove", self.remove),
            Entry("POST", "/subscriptions/{id}/card", self.pay_with),
        ]

    def show(self, _: Tx, visit: Visit, __: Asked) -> Response:
        """The form."""
        visit.feature(_FEATURE)
        return self._form(visit, random_text(_FORM_LENGTH), "")

    def _form(self, visit: Visit, form: str, expiry: str, status: int = 200, **wrong: str | None) -> Response:
        values = {"form": form, "typed": {"expiry": expiry}, "field": None, "cards": TEST_CARDS}
        return self._show(visit, "portal_card.html", status, **(values | wrong))

    def add(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The form was sent. A card that is mistyped or refused raises its 402."""
        visit.feature(_FEATURE)
        form = asked.form.get("form") or random_text(_FORM_LENGTH)
        setup = portal_cards.add(tx, visit, typed.read_card(asked.form, datetime.fromtimestamp(tx.now, UTC)), form)
        if setup["status"] == "requires_action":
            return go(f"{visit.path}/cards/3ds/{setup['id']}")
        return go(complete_step(tx, visit, _FEATURE))

    def show_again(self, _: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """The form, with what is wrong with the card."""
        form = asked.form.get("form") or random_text(_FORM_LENGTH)
        wrong = {"problem": str(refusal), "field": typed.field_of(refusal)}
        return self._form(visit, form, asked.form.get("expiry", ""), refusal.status, **wrong)

    def ask(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The bank's question."""
        setup = portal_cards.setup_at_bank(tx, visit, asked.id)
        return self._page("authenticate.html", total=None) if _waits(setup) else go(visit.path)

    def leave(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The customer's answer to the bank; a failure raises its 402."""
        visit.feature(_FEATURE)
        setup = portal_cards.setup_at_bank(tx, visit, asked.id)
        portal_cards.leave_bank(tx, visit, setup, completed=asked.form.get("outcome") == "complete")
        return go(complete_step(tx, visit, _FEATURE) if setup["status"] == "succeeded" else f"{visit.path}/cards/add")

    def left(self, tx: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """The bank said no: the card is not kept, and the same form may be sent with another."""
        setup = portal_cards.setup_at_bank(tx, visit, asked.id)
        problem = "We could not authenticate your card. Please choose a different one and try again."
        return self._form(visit, setup["_"]["form"], "", refusal.status, problem=problem, field="card")

    def make_default(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """This card pays from now on."""
        visit.feature(_FEATURE)
        portal_cards.make_default(tx, visit, asked.id)
        return go(visit.path)

    def remove(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """This card is forgotten."""
        visit.feature(_FEATURE)
        portal_cards.remove(tx, visit, asked.id)
        return go(visit.path)

    def pay_with(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """Another card for one subscription; one that wants 3-D Secure is asked for that now."""
        visit.feature(_FEATURE)
        subscription = visit.own(tx, "subscription", asked.id)
        portal_cards.pay_with(tx, visit, subscription, asked.form.get("method", ""))
        setup_id = subscription["pending_setup_intent"]
        setup = None if setup_id is None else tx.get("setup_intent", setup_id)
        if setup is None or not _waits(setup):
            return go(visit.path)
        set_return_url(setup, f"{tx.host.base_url}{visit.path}")
        tx.save(setup)
        return go(f"/3ds/{setup['id']}")


def _waits(setup: Obj) -> bool:
    return bool(setup["status"] == "requires_action")
