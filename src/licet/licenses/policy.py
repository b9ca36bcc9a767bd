"""The license policy of a product, with all defaults.

Grace days, and what refunds, disputes and failed payments do to its licenses. Source: contract, section 4.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self

Effect = Literal["nothing", "suspend", "revoke"]


@dataclass(frozen=True)
class Policy:
    """The license policy of a product, with the default of every field.

    The JSON stored with the product holds only the fields that the catalogue sets.

    activations: the limit of activations of a license; None is no limit.
    units: "each": three units are three licenses; "one": one license with three times the limit.
    grace_days: whole days for which a license stays active after a failed renewal.
    refund_full to ended: what happens to the licenses then.
    """

    prefix: str
    activations: int | None = 1
    units: Literal["each", "one"] = "each"
    grace_days: int = 0
    refund_full: Effect = "revoke"
    refund_partial: Effect = "nothing"
    dispute_open: Effect = "suspend"
    dispute_won: Effect = "nothing"
    dispute_lost: Effect = "revoke"
    unpaid: Effect = "suspend"
    paused: Effect = "suspend"
    ended: Effect = "revoke"

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The policy from its stored JSON, whose names are in camelCase."""
        names = {
            "prefix": "prefix",
            "activations": "activations",
            "units": "units",
            "graceDays": "grace_days",
            "refundFull": "refund_full",
            "refundPartial": "refund_partial",
            "disputeOpen": "dispute_open",
            "disputeWon": "dispute_won",
            "disputeLost": "dispute_lost",
            "unpaid": "unpaid",
            "paused": "paused",
            "ended": "ended",
        }
        return cls(**{names[key]: value for key, value in stored.items()})
