"""What disputes mean for licenses, by Stripe's word for where each stands.

An inquiry (`warning_*`) and a dispute that was headed off (`prevented`) take no money and do nothing. So does a status
that we do not know: nobody is locked out over a word. Source: contract, section 4; docs/decisions/license-state.md.
"""

from collections.abc import Iterable

from licet.licenses.core import Dispute

STANDS: dict[str, Dispute] = {"needs_response": "open", "under_review": "open", "won": "won", "lost": "lost"}
"""The money is still argued over, or the argument is over."""


def gravest(statuses: Iterable[str]) -> Dispute:
    """What counts among the statuses of all disputes on a purchase: lost, else open, else won."""
    found = {_stands(status) for status in statuses}
    order: tuple[Dispute, ...] = ("lost", "open", "won")
    return next((one for one in order if one in found), "none")


def _stands(status: str) -> Dispute:
    # An appeal opens again what was decided.
    return "open" if status.startswith("appeal_") else STANDS.get(status, "none")
