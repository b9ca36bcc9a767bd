"""Pages to pause and resume a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import hosted_payment
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.errors import invalid
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.portal.portal_pages import PortalPages, PortalRoute
from licet_sandbox.pages.portal.subscriptions import subscription_view
from licet_sandbox.resources.portal import pauses

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "subscription_pause"


class Pauses(PortalPages):
    """The pages to pause and resume a subscription."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages."""
        at = "/subscriptions/{id}"
        return [
            PortalRoute("GET", f"{at}/pause", self.show_pause),
            PortalRoute("POST", f"{at}/pause", self.pause, self.show_pause_error),
            PortalRoute("POST", f"{at}/resume", self.resume),
        ]

    def show_pause(
        self, tx: Tx, visit: Visit, request: PortalRequest, problem: str | None = None, status: int = 200
    ) -> Response:
        """The form to pause a subscription, with the durations on offer."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        if not pauses.may_pause(subscription):
            raise invalid("This subscription cannot be paused here.", status=403)
        duration = feature["duration"]
        timed = duration["type"] == "interval_options"
        return self._portal_page(
            visit,
            "portal_pause.html",
            status,
            problem=problem,
            subscription=subscription_view(tx, subscription),
            durations=[_duration_text(option) for option in duration["interval_options"]] if timed else [],
        )

    def show_pause_error(self, tx: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """The form again, with the error."""
        return self.show_pause(tx, visit, request, str(refusal), refusal.status)

    def pause(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Pause the subscription."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        pauses.pause(tx, feature, subscription, request.form.get("duration"))
        return redirect(complete_step(tx, visit, _FEATURE, request.id))

    def resume(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Resume the subscription; if the card on file fails, continue on the page of the invoice to pay."""
        visit.feature(_FEATURE)
        invoice_id = pauses.resume(tx, visit.own(tx, "subscription", request.id))
        if invoice_id is None:
            return redirect(visit.path)
        at_bank = hosted_payment.invoice_requires_action(tx, tx.get("invoice", invoice_id))
        return redirect(f"/i/{invoice_id}/3ds" if at_bank else f"/i/{invoice_id}?failed=payment")


def _duration_text(option: Obj) -> str:
    """The duration as text, such as `1 month` or `3 weeks`."""
    count, interval = option["interval_count"], option["interval"]
    return f"1 {interval}" if count == 1 else f"{count} {interval}s"
