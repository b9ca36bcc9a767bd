"""Controls of refunds and disputes: what an operator does in Stripe's dashboard, and what banks do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.refunds_and_disputes import disputes, refunds
from licet_sandbox.billing.refunds_and_disputes.dispute_reasons import DISPUTE_REASONS
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

    from licet_sandbox.controls.body import Body
    from licet_sandbox.engine import Engine
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

    ControlHandler = Callable[[Request, Body], Coroutine[Any, Any, Any]]

# The steps that take a new dispute to this status.
_STEPS_TO_STATUS: dict[str, tuple[str, ...]] = {
    "needs_response": (),
    "under_review": ("submit",),
    "won": ("submit", "won"),
    "lost": ("lost",),
    "appeal_needs_response": ("submit", "escalate"),
    "appeal_under_review": ("submit", "escalate", "submit"),
    "warning_needs_response": (),
    "warning_under_review": ("submit",),
    "warning_closed": ("warning_closed",),
    "prevented": (),
}


class RefundAndDisputeControls:
    """Handlers of refunds and disputes. Each responds after its events were sent once."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine_of = engine

    def control_table(self) -> list[tuple[str, str, ControlHandler]]:
        """Method, path and handler of each."""
        return [
            ("POST", "/refunds", self.refund),
            ("POST", "/refunds/{id}/settle", self.settle),
            ("POST", "/refunds/{id}/fail", self.fail),
            ("POST", "/disputes", self.dispute),
            ("POST", "/disputes/{id}/escalate", self.escalate),
            ("POST", "/disputes/{id}/close", self.close),
        ]

    async def refund(self, _: Request, body: Body) -> Any:
        """Refund a charge, by default all that is not refunded; `status` overrides what its test card does."""
        named = _named(body)
        amount = body.integer("amount")
        status = body.optional("status", refunds.STARTS)
        body.end()
        return await self._run(
            lambda tx: _refund(refunds.make_refund(tx, _charge_of(tx, named), amount, status=status))
        )

    async def settle(self, request: Request, body: Body) -> Any:
        """Make a pending refund succeed."""
        body.end()

        def change(tx: Tx) -> Obj:
            refund = tx.get("refund", request.path_params["id"])
            refunds.complete_refund(tx, refund)
            return _refund(refund)

        return await self._run(change)

    async def fail(self, request: Request, body: Body) -> Any:
        """Make a refund fail: the customer's bank returns it."""
        reason = body.choice("reason", refunds.FAILURE_REASONS)
        body.end()

        def change(tx: Tx) -> Obj:
            refund = tx.get("refund", request.path_params["id"])
            refunds.fail_refund(tx, refund, reason)
            return _refund(refund)

        return await self._run(change)

    async def dispute(self, _: Request, body: Body) -> Any:
        """Open a dispute. A later `status` is reached through the steps before it."""
        named = _named(body)
        amount = body.integer("amount")
        reason = body.choice("reason", DISPUTE_REASONS)
        status = body.choice("status", tuple(_STEPS_TO_STATUS))
        body.end()

        def change(tx: Tx) -> Obj:
            dispute = disputes.open_dispute(
                tx, _charge_of(tx, named), status=_opening(status), reason=reason, amount=amount
            )
            for step in _STEPS_TO_STATUS[status]:
                _step(tx, dispute, step)
            return _dispute(dispute)

        return await self._run(change)

    async def escalate(self, request: Request, body: Body) -> Any:
        """Escalate a dispute: an inquiry to a chargeback, a chargeback under review to an appeal."""
        body.end()
        return await self._run(
            lambda tx: _dispute(disputes.escalate_dispute(tx, tx.get("dispute", request.path_params["id"])))
        )

    async def close(self, request: Request, body: Body) -> Any:
        """Close a dispute with the bank's decision."""
        status = body.optional("status", ("won", "lost", "warning_closed"))
        body.end()
        if status is None:
            raise invalid('Give {"status": "won"} or {"status": "lost"}.', param="status")
        return await self._run(
            lambda tx: _dispute(disputes.close_dispute(tx, tx.get("dispute", request.path_params["id"]), status))
        )

    async def _run(self, change: Callable[[Tx], Obj]) -> Obj:
        engine = self._engine_of()
        with engine.transaction() as tx:
            done = change(tx)
        await engine.deliveries.wait_until_sent()
        return done


def _opening(status: str) -> str:
    if status in disputes.OPENINGS:
        return status
    return "warning_needs_response" if status.startswith("warning_") else "needs_response"


def _step(tx: Tx, dispute: Obj, step: str) -> None:
    if step == "escalate":
        disputes.escalate_dispute(tx, dispute)
    elif step == "submit":
        dispute["evidence"] = dispute["evidence"] | {"uncategorized_text": "Submitted by a control."}
        dispute["evidence_details"] = dispute["evidence_details"] | {"has_evidence": True}
        disputes.submit_evidence(tx, dispute)
    else:
        disputes.close_dispute(tx, dispute, step)


def _named(body: Body) -> dict[str, str | None]:
    named = {key: body.text(key, None) for key in ("charge", "paymentIntent", "invoice")}
    if len([value for value in named.values() if value is not None]) != 1:
        raise invalid("Name one of charge, paymentIntent and invoice.")
    return named


def _charge_of(tx: Tx, named: dict[str, str | None]) -> Obj:
    if named["charge"] is not None:
        return tx.get("charge", named["charge"], param="charge")
    intent_id = named["paymentIntent"]
    if named["invoice"] is not None:
        invoice = tx.get("invoice", named["invoice"], param="invoice")
        where = "json ->> '$.invoice' = ? AND json ->> '$.status' = 'paid'"
        payments = tx.select("invoice_payment", where, invoice["id"])
        if not payments:
            raise invalid("Nothing was paid on this invoice.", param="invoice")
        intent_id = payments[-1]["payment"]["payment_intent"]
    intent = tx.get("payment_intent", intent_id or "", param="paymentIntent")
    if intent["latest_charge"] is None:
        raise invalid("This payment has no charge.", param="paymentIntent")
    return tx.get("charge", intent["latest_charge"])


def _refund(refund: Obj) -> dict[str, Any]:
    return _common_fields(refund) | {"failureReason": refund.get("failure_reason")}


def _dispute(dispute: Obj) -> dict[str, Any]:
    return _common_fields(dispute) | {"reason": dispute["reason"], "dueBy": dispute["evidence_details"]["due_by"]}


def _common_fields(obj: Obj) -> dict[str, Any]:
    keys = ("id", "status", "amount", "currency", "charge")
    return {key: obj[key] for key in keys} | {"paymentIntent": obj["payment_intent"]}
