"""The subjects of all emails. Their words are in `templates/`, one file per email."""

from collections.abc import Sequence

PAYMENT_FAILED = "Your payment did not go through"
REFUND = "Your refund is on its way"
SUBSCRIPTION_ENDED = "Your subscription has ended"
SUBSCRIPTION_WILL_END = "Your subscription will end"

DUPLICATE_PLAN = "A plan was bought twice: the second one is undone"
"""To the operator."""

ENDPOINT_DISABLED = "A webhook endpoint was disabled"
"""To the operator."""


def welcome(product_names: Sequence[str]) -> str:
    """The subject of the welcome email, with the names of the products."""
    return f"Welcome to {', '.join(product_names)}"


def receipt(invoice_number: str | None) -> str:
    """The subject of a receipt. A draft has no number yet."""
    return f"Your receipt {invoice_number or ''}".rstrip()
