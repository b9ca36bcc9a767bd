"""Pages to cancel a subscription, and to clear a scheduled cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.errors import invalid
from licet_sandbox.kit.currencies import format_amount
from licet_sandbox.pages.hosted_pages import redirect
from licet_sandbox.pages.portal.portal_pages import PortalPages, PortalRoute
from licet_sandbox.pages.portal.subscriptions import subscription_view
from licet_sandbox.resources.portal import cancellations

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.portal_pages import PortalRequest
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_FEATURE = "subscription_cancel"
REASON_LABELS = {
    "too_expensive": "It is too expensive",
    "missing_features": "Some features that I need are missing",
    "switched_service": "I found an alternative",
    "unused": "I no longer need it",
    "customer_service": "Customer service was less than expected",
    "low_quality": "Quality was less than expected",
    "too_complex": "It is too complex to use",
    "other": "Other reason",
}


class Cancellations(PortalPages):
    """The pages to cancel a subscription, with a coupon offered for staying."""

    def portal_routes(self) -> list[PortalRoute]:
        """The routes of these pages."""
        at = "/subscriptions/{id}"
        return [
            PortalRoute("GET", f"{at}/cancel", self.show_cancel),
            PortalRoute("POST", f"{at}/cancel", self.cancel, self.show_cancel_error),
            PortalRoute("POST", f"{at}/offer", self.accept_offer, self.show_cancel_error),
            PortalRoute("POST", f"{at}/keep", self.keep_subscription),
        ]

    def show_cancel(
        self, tx: Tx, visit: Visit, request: PortalRequest, problem: str | None = None, status: int = 200
    ) -> Response:
        """The form to cancel: when the subscription ends, the reasons to choose from, a coupon for staying."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        if not cancellations.may_cancel(tx, feature, subscription):
            raise invalid("This subscription cannot be canceled here.", status=403)
        reason = feature["cancellation_reason"]
        return self._portal_page(
            visit,
            "portal_cancel.html",
            status,
            problem=problem,
            subscription=subscription_view(tx, subscription),
            immediate=cancellations.ends_immediately(feature, subscription),
            reasons=[(option, REASON_LABELS[option]) for option in reason["options"]] if reason["enabled"] else [],
            offer=_offer_text(tx, visit, subscription),
        )

    def show_cancel_error(self, tx: Tx, visit: Visit, request: PortalRequest, refusal: StripeError) -> Response:
        """The form again, with the error."""
        return self.show_cancel(tx, visit, request, str(refusal), refusal.status)

    def cancel(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Cancel the subscription."""
        feature, subscription = visit.feature(_FEATURE), visit.own(tx, "subscription", request.id)
        cancellations.cancel(tx, feature, subscription, request.form.get("feedback"), request.form.get("comment"))
        return redirect(complete_step(tx, visit, _FEATURE, request.id))

    def accept_offer(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Apply the coupon that the flow offers, and do not cancel."""
        subscription = visit.own(tx, "subscription", request.id)
        coupon = _offered_coupon(tx, visit, subscription)
        if coupon is None:
            raise invalid("There is no offer for this subscription.", status=404)
        cancellations.accept_coupon(tx, subscription, coupon["id"])
        return redirect(complete_step(tx, visit, _FEATURE, request.id))

    def keep_subscription(self, tx: Tx, visit: Visit, request: PortalRequest) -> Response:
        """Clear a scheduled cancellation."""
        visit.feature(_FEATURE)
        cancellations.keep_subscription(tx, visit.own(tx, "subscription", request.id))
        return redirect(visit.path)


def _offered_coupon(tx: Tx, visit: Visit, subscription: Obj) -> Obj | None:
    """The coupon that a flow offers for not cancelling this subscription, if it is still valid."""
    flow = (visit.session["flow"] or {}).get(_FEATURE)
    if flow is None or flow["subscription"] != subscription["id"] or flow["retention"] is None:
        return None
    coupon = tx.find(flow["retention"]["coupon_offer"]["coupon"])
    return coupon if coupon is not None and coupon["valid"] else None


def _offer_text(tx: Tx, visit: Visit, subscription: Obj) -> str | None:
    """The offer as text, such as `20% off for 3 months`; None if there is none."""
    coupon = _offered_coupon(tx, visit, subscription)
    if coupon is None:
        return None
    percent = coupon["percent_off"]
    off = f"{percent:g}%" if percent is not None else format_amount(coupon["amount_off"], coupon["currency"])
    months = coupon["duration_in_months"]
    lasts = {"forever": "as long as you stay", "once": "your next invoice"}
    return f"{off} off for {lasts.get(coupon['duration'], f'{months} months')}"
