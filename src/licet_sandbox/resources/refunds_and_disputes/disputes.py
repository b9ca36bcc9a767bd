"""Disputes: retrieve, list, submit evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.refunds_and_disputes.disputes import CLOSED, already_closed, submit_evidence
from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import merge_metadata
from licet_sandbox.kit.lists import page, same
from licet_sandbox.resources.refunds_and_disputes.dispute_evidence import stage_evidence

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def retrieve(tx: Tx, _: Params, dispute_id: str) -> Obj:
    """Retrieve a dispute."""
    return tx.get("dispute", dispute_id, param="dispute")


def update(tx: Tx, p: Params, dispute_id: str) -> Obj:
    """Stage evidence, and submit it unless `submit` is false. Metadata alone submits nothing."""
    dispute = tx.get("dispute", dispute_id, param="dispute")
    if dispute["status"] in CLOSED:
        raise already_closed()
    merge_metadata(dispute, p)
    if "intended_submission_method" in p:
        dispute["intended_submission_method"] = p.get("intended_submission_method")
    staged = stage_evidence(dispute, p.sub("evidence"))
    if p.get("submit", staged):
        _check_ready(dispute)
        return submit_evidence(tx, dispute)
    return tx.save(dispute, "charge.dispute.updated")


def list_all(tx: Tx, p: Params) -> Obj:
    """List disputes, newest first."""
    return page(tx, p, "dispute", "/v1/disputes", same(p, "charge", "payment_intent"))


def _check_ready(dispute: Obj) -> None:
    if not dispute["status"].endswith("needs_response"):
        raise invalid("The evidence for this dispute has already been submitted.", param="submit")
    appealing = dispute["status"] == "appeal_needs_response"
    if not (dispute["evidence"].get("appeal") if appealing else dispute["evidence_details"]["has_evidence"]):
        raise invalid("There is no evidence to submit.", param="evidence")
    for program, state in dispute["evidence_details"]["enhanced_eligibility"].items():
        if state["status"] == "requires_fee_acknowledgement":
            param = f"evidence[enhanced_evidence][{program}][fee_acknowledged]"
            raise invalid(f"You must acknowledge the network's fee to submit evidence: {param}.", param=param)
