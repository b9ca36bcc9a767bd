"""Pages to change the plan: choose, see the cost, confirm, and complete 3D Secure if required."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from licet_sandbox.billing import hosted_payment
from licet_sandbox.billing.collection import pending_updates
from licet_sandbox.billing.invoices.lines import product_name
from licet_sandbox.billing.portal.portal_plans import can_change, check_choice, waits_for_period_end
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.formatting import show_date
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.portal.plan_choice import read_choice
from licet_sandbox.pages.portal.portal_pages import PortalPages, PortalRoute
from licet_sandbox.pages.portal.subscriptions import price_text, subscription_view
from licet_sandbox.pages.portal.views import plans_view
from licet_sandbox.resources.portal import plan_changes
from licet_sandbox.resources.portal.cancellations import cancel_scheduled_change

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_plans import PlanChoice
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "subscription_update"
_AUTHENTICATION_FAILED = "We could not authenticate your payment method. Your plan has not changed."


class Plans(PortalPages):
    """The pages to change the price or quantity of a subscription."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages."""
        at = "/subscriptions/{id}"
        return [
            PortalRoute("GET", f"{at}/change", self.choose),
            PortalRoute("GET", f"{at}/confirm", self.show, self.choose),
            PortalRoute("POST", f"{at}/confirm", self.confirm, self.show_error),
            PortalRoute("GET", f"{at}/3ds", self.show_authentication),
            PortalRoute("POST", f"{at}/3ds", self.authenticate, self.authentication_failed),
            PortalRoute("POST", f"{at}/keep-plan", self.keep),
        ]

    def choose(self, tx: Tx, visit: Visit, request: PortalRequest, refusal: StripeError | None = None) -> Response:
        """The plans on offer; after a refusal, with the error."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        if not can_change(subscription):
            raise invalid("This subscription cannot be changed here.", status=403)
        view = plans_view(tx, feature, subscription)
        given = request.query | request.form
        view |= {"chosen": given.get("price"), "code": given.get("code", "")}
        view["quantity"] = given.get("quantity", view["quantity"])
        if refusal is None:
            return self._portal_page(visit, "portal_plans.html", field=None, **view)
        field = refusal.error.get("param")
        return self._portal_page(visit, "portal_plans.html", refusal.status, problem=str(refusal), field=field, **view)

    def show(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """The change, and the amount due today."""
        failed = request.query.get("failed") == "3ds"
        return self._confirmation(
            tx, visit, request.id, request.query, problem=_AUTHENTICATION_FAILED if failed else None
        )

    def show_error(self, tx: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """The error of a declined payment (nothing has changed), or of a choice that is not available."""
        if refusal.status == 400:
            return self.choose(tx, visit, request, refusal)
        return self._confirmation(tx, visit, request.id, request.form, problem=str(refusal), status=refusal.status)

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
        cost = plan_changes.preview_cost(tx, feature, subscription, choice)
        return self._portal_page(
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

    def confirm(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Change the plan; continue with 3D Secure if the payment requires it."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        choice = read_choice(tx, visit, subscription, request.form)
        if _is_authenticating(tx, subscription, choice):
            return redirect(f"{visit.path}/subscriptions/{request.id}/3ds")
        if plan_changes.change_plan(tx, feature, subscription, choice) is not None:
            subscription["_"]["update"]["chosen"] = {"price": choice.price["id"], "quantity": choice.quantity}
            tx.save(subscription)
            return redirect(f"{visit.path}/subscriptions/{request.id}/3ds")
        return redirect(complete_step(tx, visit, _FEATURE, request.id))

    def show_authentication(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """The 3D Secure page."""
        invoice = _invoice_to_authenticate(tx, visit.own(tx, "subscription", request.id))
        if invoice is None:
            return redirect(visit.path)
        return self._page("authenticate.html", total=format_amount(invoice["amount_due"], invoice["currency"]))

    def authenticate(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Complete or fail 3D Secure; a failure raises its 402."""
        subscription = visit.own(tx, "subscription", request.id)
        invoice = _invoice_to_authenticate(tx, subscription)
        if invoice is not None:
            hosted_payment.authenticate_on_invoice_page(
                tx, invoice, completed=request.form.get("outcome") == "complete"
            )
        return redirect(complete_step(tx, visit, _FEATURE, request.id))

    def authentication_failed(self, tx: Tx, visit: Visit, request: PortalRequest, _: StripeError) -> Response:
        """3D Secure failed: cancel the pending change and show the confirmation again with the error."""
        subscription = visit.own(tx, "subscription", request.id)
        chosen = subscription.get("_", {}).get("update", {}).get("chosen")
        plan_changes.cancel_pending_change(tx, subscription)
        if chosen is None:
            return redirect(visit.path)
        return redirect(f"{visit.path}/subscriptions/{request.id}/confirm?{urlencode({**chosen, 'failed': '3ds'})}")

    def keep(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Cancel the change that is scheduled for the end of the period."""
        visit.feature(_FEATURE)
        cancel_scheduled_change(tx, visit.own(tx, "subscription", request.id))
        return redirect(visit.path)


def _invoice_to_authenticate(tx: Tx, subscription: Obj) -> Obj | None:
    """The invoice of a pending change whose payment requires 3D Secure."""
    invoice_id = pending_updates.update_invoice_id(subscription)
    invoice = None if invoice_id is None else tx.get("invoice", invoice_id)
    return invoice if invoice is not None and hosted_payment.invoice_requires_action(tx, invoice) else None


def _is_authenticating(tx: Tx, subscription: Obj, choice: PlanChoice) -> bool:
    """True if the same choice was sent before and its payment is waiting for 3D Secure."""
    chosen = subscription.get("_", {}).get("update", {}).get("chosen")
    same = {"price": choice.price["id"], "quantity": choice.quantity}
    return chosen == same and _invoice_to_authenticate(tx, subscription) is not None
