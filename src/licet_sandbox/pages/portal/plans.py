"""Another plan: choose, see what it costs, confirm, and go through 3-D Secure where the payment wants that."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from licet_sandbox.billing import hosted_payment
from licet_sandbox.billing.collection import pending_updates
from licet_sandbox.billing.invoices.lines import format_amount, product_name
from licet_sandbox.billing.portal.portal_plans import can_change, check_choice, waits_for_period_end
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.pages.portal.choices import read_choice
from licet_sandbox.pages.portal.desk import Desk, Entry
from licet_sandbox.pages.portal.entries import price_text, subscription_view
from licet_sandbox.pages.portal.views import plans_view
from licet_sandbox.pages.surface import go
from licet_sandbox.pages.wording import show_date
from licet_sandbox.resources.portal import portal_updates
from licet_sandbox.resources.portal.portal_cancellations import keep_plan

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_plans import PlanChoice
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.pages.portal.desk import Asked
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "subscription_update"
_AUTHENTICATION_FAILED = "We could not authenticate your payment method. Your plan stays as it was."


class Plans(Desk):
    """Changes of what a subscription bills."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        at = "/subscriptions/{id}"
        return [
            Entry("GET", f"{at}/change", self.choose),
            Entry("GET", f"{at}/confirm", self.show, self.choose),
            Entry("POST", f"{at}/confirm", self.confirm, self.show_again),
            Entry("GET", f"{at}/3ds", self.ask),
            Entry("POST", f"{at}/3ds", self.leave, self.left),
            Entry("POST", f"{at}/keep-plan", self.keep),
        ]

    def choose(self, tx: Tx, visit: Visit, asked: Asked, refusal: StripeError | None = None) -> Response:
        """The plans on offer; after a refusal, with what is wrong."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", asked.id)
        if not can_change(subscription):
            raise invalid("This subscription cannot be changed here.", status=403)
        view = plans_view(tx, feature, subscription)
        given = asked.query | asked.form
        view |= {"chosen": given.get("price"), "code": given.get("code", "")}
        view["quantity"] = given.get("quantity", view["quantity"])
        if refusal is None:
            return self._show(visit, "portal_plans.html", field=None, **view)
        field = refusal.error.get("param")
        return self._show(visit, "portal_plans.html", refusal.status, problem=str(refusal), field=field, **view)

    def show(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The change, and what is due for it today."""
        failed = asked.query.get("failed") == "3ds"
        return self._confirmation(tx, visit, asked.id, asked.query, problem=_AUTHENTICATION_FAILED if failed else None)

    def show_again(self, tx: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """The payment was declined and nothing has changed; or what was chosen is not to be had."""
        if refusal.status == 400:
            return self.choose(tx, visit, asked, refusal)
        return self._confirmation(tx, visit, asked.id, asked.form, problem=str(refusal), status=refusal.status)

    def _confirmation(
        self,
        tx: Tx,
        visit: Visit,
        subscription_id: str,
        given: dict[str, str],
        *,
        problem: str | None,
        status: int = 200,
    ) -> Response:
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", subscription_id)
        choice = read_choice(tx, visit, subscription, given)
        check_choice(tx, feature, subscription, choice)
        later, currency = waits_for_period_end(feature, subscription, choice), subscription["currency"]
        cost = portal_updates.cost_of(tx, feature, subscription, choice)
        return self._show(
            visit,
            "portal_confirm.html",
            status,
            problem=problem,
            subscription=subscription_view(tx, subscription),
            new_name=product_name(tx, choice.price),
            new_price=price_text(choice.price, choice.quantity),
            due=format_amount(cost.due, currency),
            credit=format_amount(cost.credit, currency) if cost.credit else None,
            later=later,
            next_amount=format_amount(cost.next_amount, currency) if cost.next_amount is not None else None,
            next_date=show_date(cost.next_at),
            price=choice.price["id"],
            quantity=choice.quantity,
            code=given.get("code", ""),
            at=tx.now,
            may_add_card=visit.allows("payment_method_update"),
        )

    def confirm(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The button was pressed."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", asked.id)
        choice = read_choice(tx, visit, subscription, asked.form)
        if _is_waiting_for_bank(tx, subscription, choice):
            return go(f"{visit.path}/subscriptions/{asked.id}/3ds")
        if portal_updates.change(tx, feature, subscription, choice) is not None:
            subscription["_"]["update"]["chosen"] = {"price": choice.price["id"], "quantity": choice.quantity}
            tx.save(subscription)
            return go(f"{visit.path}/subscriptions/{asked.id}/3ds")
        return go(complete_step(tx, visit, _FEATURE, asked.id))

    def ask(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The bank's question."""
        invoice = _invoice_at_bank(tx, visit.own(tx, "subscription", asked.id))
        if invoice is None:
            return go(visit.path)
        return self._page("authenticate.html", total=format_amount(invoice["amount_due"], invoice["currency"]))

    def leave(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The customer's answer to the bank; a failure raises its 402."""
        subscription = visit.own(tx, "subscription", asked.id)
        invoice = _invoice_at_bank(tx, subscription)
        if invoice is not None:
            hosted_payment.authenticate_on_invoice_page(tx, invoice, completed=asked.form.get("outcome") == "complete")
        return go(complete_step(tx, visit, _FEATURE, asked.id))

    def left(self, tx: Tx, visit: Visit, asked: Asked, _: StripeError) -> Response:
        """The bank said no: the plan stays, and the customer may try another card."""
        subscription = visit.own(tx, "subscription", asked.id)
        chosen = subscription.get("_", {}).get("update", {}).get("chosen")
        portal_updates.call_off(tx, subscription)
        if chosen is None:
            return go(visit.path)
        return go(f"{visit.path}/subscriptions/{asked.id}/confirm?{urlencode({**chosen, 'failed': '3ds'})}")

    def keep(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The change that was to come at the period's end is called off."""
        visit.feature(_FEATURE)
        keep_plan(tx, visit.own(tx, "subscription", asked.id))
        return go(visit.path)


def _invoice_at_bank(tx: Tx, subscription: Obj) -> Obj | None:
    """The invoice of a pending change whose payment waits for 3-D Secure."""
    invoice_id = pending_updates.update_invoice_id(subscription)
    invoice = None if invoice_id is None else tx.get("invoice", invoice_id)
    return invoice if invoice is not None and hosted_payment.invoice_requires_action(tx, invoice) else None


def _is_waiting_for_bank(tx: Tx, subscription: Obj, choice: PlanChoice) -> bool:
    """The same form, sent twice."""
    chosen = subscription.get("_", {}).get("update", {}).get("chosen")
    same = {"price": choice.price["id"], "quantity": choice.quantity}
    return chosen == same and _invoice_at_bank(tx, subscription) is not None
