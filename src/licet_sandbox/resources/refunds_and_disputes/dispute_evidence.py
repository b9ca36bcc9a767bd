"""Evidence of a dispute, staged before it is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid, not_found

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

# Fields for ids of uploaded files. This sandbox has no uploads, so every id is refused.
_FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
_MAX_CHARACTERS = 150_000


def stage_evidence(dispute: Obj, given: Params) -> bool:
    """Write the given evidence into the dispute; an empty string clears a field. False if none is given."""
    if not given:
        return False
    _check_stage(dispute, given)
    evidence = dispute["evidence"]
    for name in given.names():
        if name == "appeal":
            evidence[name] = _appeal(given.sub(name))
        elif name == "enhanced_evidence":
            _enhance(dispute, given.sub(name))
        else:
            evidence[name] = given.text(name)
            if name in _FILES and evidence[name]:
                raise not_found("file upload", evidence[name], param=given.name(name), status=400)
    texts = [value for value in evidence.values() if isinstance(value, str)]
    if sum(map(len, texts)) > _MAX_CHARACTERS:
        message = f"The combined length of all evidence is limited to {_MAX_CHARACTERS:,} characters."
        raise invalid(message, param="evidence")
    dispute["evidence_details"]["has_evidence"] = bool(texts or evidence.get("appeal"))
    return True


def _check_stage(dispute: Obj, given: Params) -> None:
    """400 for evidence that was submitted already, or that does not fit the stage (dispute or appeal)."""
    status = dispute["status"]
    if not status.endswith("needs_response"):
        raise invalid("The evidence for this dispute has already been submitted.", param="evidence")
    appealing = status == "appeal_needs_response"
    for name in given.names():
        if (name == "appeal") != appealing:
            subject = "Only appeal evidence" if appealing else "No appeal evidence"
            message = f"{subject} can be given for a dispute whose status is {status}."
            raise invalid(message, param=given.name(name))


def _appeal(given: Params) -> Obj | None:
    card = given.sub("card")
    for file_id in card.get("supporting_files") or []:
        raise not_found("file upload", file_id, param=card.name("supporting_files"), status=400)
    reason = card.text("reason_for_filing")
    return {"card": {"reason_for_filing": reason}} if reason else None


def _enhance(dispute: Obj, given: Params) -> None:
    """Acknowledge fees of the card networks' programs; no program given clears all."""
    eligibility = dispute["evidence_details"]["enhanced_eligibility"]
    for program in given.names() or eligibility:
        if program not in eligibility:
            raise invalid(f"This dispute is not eligible for {program}.", param=given.name(program))
        acknowledged = bool(given.sub(program).get("fee_acknowledged"))
        dispute["evidence"]["enhanced_evidence"][program] = {"fee_acknowledged": acknowledged}
        eligibility[program] = {"status": "fee_acknowledged" if acknowledged else "requires_fee_acknowledgement"}
