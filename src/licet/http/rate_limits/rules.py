"""What is allowed: so many requests within a minute, by what is asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from licet.config import Settings

Rule: TypeAlias = Literal["general", "payment", "validation", "activation", "process"]

WINDOW_SECONDS = 60

NEVER = frozenset({"/healthz", "/readyz", "/api/billing/webhooks"})
"""Whoever watches us, and Stripe, are not to be turned away: a 429 would make them believe that we are down."""

PAYMENT = "/payment"


@dataclass(frozen=True)
class Limit:
    """At most `amount` requests within a minute."""

    rule: Rule
    amount: int


def limits_of(settings: "Settings") -> dict[Rule, Limit]:
    """Each rule as it is configured."""
    amounts: dict[Rule, int] = {
        "general": settings.rate_limit_per_minute,
        "payment": settings.rate_limit_payment_per_minute,
        "validation": settings.rate_limit_validation_per_minute,
        "activation": settings.rate_limit_activation_per_minute,
        "process": settings.rate_limit_process_per_minute,
    }
    return {rule: Limit(rule, amount) for rule, amount in amounts.items()}


def rule_for(path: str) -> Rule:
    """The rule that a key is counted by at this path."""
    return "payment" if path == PAYMENT or path.startswith(f"{PAYMENT}/") else "general"
