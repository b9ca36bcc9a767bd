"""How a subscription bills, and how its trial ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj


def billing_mode(p: Params) -> Obj:
    """How the subscription bills; `flexible` unless `classic` is asked for."""
    given = p.sub("billing_mode")
    if given.get("type", "flexible") == "classic":
        return {"type": "classic", "flexible": None}
    discounts = given.sub("flexible").get("proration_discounts", "included")
    return {"type": "flexible", "flexible": {"proration_discounts": discounts}}


def trial_settings(p: Params) -> Obj:
    """What a trial's end does where there is no card."""
    behavior = p.sub("trial_settings").sub("end_behavior")
    behavior.refuse("billing_cycle_anchor", "now")
    missing = behavior.get("missing_payment_method", "create_invoice")
    return {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": missing}}
