"""A subscription is canceled, kept, paused, resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing import hosted_payment
from licet_sandbox.billing.invoices.lines import format_amount
from licet_sandbox.billing.portal.portal_sessions import complete_step
from licet_sandbox.errors import invalid
from licet_sandbox.pages.portal.desk import Desk, Entry
from licet_sandbox.pages.portal.entries import subscription_view
from licet_sandbox.pages.surface import go
from licet_sandbox.resources.portal import portal_cancellations

if TYPE_CHECKING:
    from starlette.responses import Response

    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.errors import StripeError
    from licet_sandbox.pages.portal.desk import Asked
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_CANCEL, _PAUSE = "subscription_cancel", "subscription_pause"
REASONS = {
    "too_expensive": "It is too expensive",
    "missing_features": "Some features that I need are missing",
    "switched_service": "I found an alternative",
    "unused": "I no longer need it",
    "customer_service": "Customer service was less than expected",
    "low_quality": "Quality was less than expected",
    "too_complex": "It is too complex to use",
    "other": "Other reason",
}


class Ends(Desk):
    """The end of a subscription, for good or for a while."""

    def entries(self) -> list[Entry]:
        """Its addresses."""
        at = "/subscriptions/{id}"
        return [
            Entry("GET", f"{at}/cancel", self.ask_cancel),
            Entry("POST", f"{at}/cancel", self.cancel, self.ask_cancel_again),
            Entry("POST", f"{at}/offer", self.accept_offer, self.ask_cancel_again),
            Entry("POST", f"{at}/keep", self.keep),
            Entry("GET", f"{at}/pause", self.ask_pause),
            Entry("POST", f"{at}/pause", self.pause, self.ask_pause_again),
            Entry("POST", f"{at}/resume", self.resume),
        ]

    def ask_cancel(self, tx: Tx, visit: Visit, asked: Asked, problem: str | None = None, status: int = 200) -> Response:
        """Whether the customer means it, and why."""
        feature, subscription = visit.feature(_CANCEL), visit.own(tx, "subscription", asked.id)
        if not portal_cancellations.may_cancel(tx, feature, subscription):
            raise invalid("This subscription cannot be canceled here.", status=403)
        reason = feature["cancellation_reason"]
        return self._show(
            visit,
            "portal_cancel.html",
            status,
            problem=problem,
            subscription=subscription_view(tx, subscription),
            at_once=portal_cancellations.at_once(feature, subscription),
            reasons=[(word, REASONS[word]) for word in reason["options"]] if reason["enabled"] else [],
            offer=_offer_text(tx, visit, subscription),
        )

    def ask_cancel_again(self, tx: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """With what is wrong."""
        return self.ask_cancel(tx, visit, asked, str(refusal), refusal.status)

    def cancel(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The button was pressed."""
        feature, subscription = visit.feature(_CANCEL), visit.own(tx, "subscription", asked.id)
        portal_cancellations.cancel(tx, feature, subscription, asked.form.get("feedback"), asked.form.get("comment"))
        return go(complete_step(tx, visit, _CANCEL, asked.id))

    def accept_offer(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The customer stays, for the coupon that the flow offers."""
        subscription = visit.own(tx, "subscription", asked.id)
        coupon = _offered(tx, visit, subscription)
        if coupon is None:
            raise invalid("There is no offer here.", status=404)
        portal_cancellations.accept_offer(tx, subscription, coupon["id"])
        return go(complete_step(tx, visit, _CANCEL, asked.id))

    def keep(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """It does not end after all."""
        visit.feature(_CANCEL)
        portal_cancellations.keep(tx, visit.own(tx, "subscription", asked.id))
        return go(visit.path)

    def ask_pause(self, tx: Tx, visit: Visit, asked: Asked, problem: str | None = None, status: int = 200) -> Response:
        """For how long."""
        feature, subscription = visit.feature(_PAUSE), visit.own(tx, "subscription", asked.id)
        if not portal_cancellations.may_pause(subscription):
            raise invalid("This subscription cannot be paused here.", status=403)
        duration = feature["duration"]
        timed = duration["type"] == "interval_options"
        return self._show(
            visit,
            "portal_pause.html",
            status,
            problem=problem,
            subscription=subscription_view(tx, subscription),
            durations=[_length(option) for option in duration["interval_options"]] if timed else [],
        )

    def ask_pause_again(self, tx: Tx, visit: Visit, asked: Asked, refusal: StripeError) -> Response:
        """With what is wrong."""
        return self.ask_pause(tx, visit, asked, str(refusal), refusal.status)

    def pause(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """The button was pressed."""
        feature, subscription = visit.feature(_PAUSE), visit.own(tx, "subscription", asked.id)
        portal_cancellations.pause(tx, feature, subscription, asked.form.get("duration"))
        return go(complete_step(tx, visit, _PAUSE, asked.id))

    def resume(self, tx: Tx, visit: Visit, asked: Asked) -> Response:
        """It goes on; what that costs is paid first, on the invoice's page where the card on file does not do."""
        visit.feature(_PAUSE)
        invoice_id = portal_cancellations.resume(tx, visit.own(tx, "subscription", asked.id))
        if invoice_id is None:
            return go(visit.path)
        at_bank = hosted_payment.invoice_requires_action(tx, tx.get("invoice", invoice_id))
        return go(f"/i/{invoice_id}/3ds" if at_bank else f"/i/{invoice_id}?failed=payment")


def _length(option: Obj) -> str:
    """`1 month`, `3 weeks`."""
    count, interval = option["interval_count"], option["interval"]
    return f"1 {interval}" if count == 1 else f"{count} {interval}s"


def _offered(tx: Tx, visit: Visit, subscription: Obj) -> Obj | None:
    """The coupon that a flow offers to whoever is about to cancel this subscription."""
    flow = (visit.session["flow"] or {}).get(_CANCEL)
    if flow is None or flow["subscription"] != subscription["id"] or flow["retention"] is None:
        return None
    coupon = tx.find(flow["retention"]["coupon_offer"]["coupon"])
    return coupon if coupon is not None and coupon["valid"] else None


def _offer_text(tx: Tx, visit: Visit, subscription: Obj) -> str | None:
    """`20% off for 3 months`."""
    coupon = _offered(tx, visit, subscription)
    if coupon is None:
        return None
    percent = coupon["percent_off"]
    off = f"{percent:g}%" if percent is not None else format_amount(coupon["amount_off"], coupon["currency"])
    months = coupon["duration_in_months"]
    lasts = {"forever": "as long as you stay", "once": "your next invoice"}
    return f"{off} off for {lasts.get(coupon['duration'], f'{months} months')}"
