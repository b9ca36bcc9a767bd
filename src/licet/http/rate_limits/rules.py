"""The rate limit rules: how many requests per minute are allowed on which paths."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from licet.config import Settings

Rule: TypeAlias = Literal["general", "payment", "validation", "activation", "process"]

WINDOW_SECONDS = 60

UNLIMITED_PATHS = frozenset({"/healthz", "/readyz", "/api/billing/webhooks"})
"""Paths without limits: health checks and Stripe's webhooks. To both, a 429 would look like an outage."""

PAYMENT_PREFIX = "/payment"


@dataclass(frozen=True)
class Limit:
    """At most `amount` requests per minute."""

    rule: Rule
    amount: int


def limits_of(settings: "Settings") -> dict[Rule, Limit]:
    """The limit of each rule, from the settings."""
    amounts: dict[Rule, int] = {
        "general": settings.rate_limit_per_minute,
        "payment": settings.rate_limit_payment_per_minute,
        "validation": settings.rate_limit_validation_per_minute,
        "activation": settings.rate_limit_activation_per_minute,
        "process": settings.rate_limit_process_per_minute,
    }
    return {rule: Limit(rule, amount) for rule, amount in amounts.items()}


def rule_for(path: str) -> Rule:
    """The rule for requests with a valid key to this path."""
    return "payment" if path == PAYMENT_PREFIX or path.startswith(f"{PAYMENT_PREFIX}/") else "general"
