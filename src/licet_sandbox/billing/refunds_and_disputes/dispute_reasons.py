"""Dispute reasons and the networks' reason codes. Source: Stripe, "Dispute categories"."""

from __future__ import annotations

DISPUTE_REASONS = (
    "fraudulent",
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)

_CODES = {
    "visa": {
        "credit_not_processed": "13.6",
        "duplicate": "12.6.1",
        "fraudulent": "10.4",
        "product_not_received": "13.1",
        "product_unacceptable": "13.3",
        "subscription_canceled": "13.2",
    },
    "mastercard": {
        "credit_not_processed": "4853",
        "duplicate": "4834",
        "fraudulent": "4837",
        "product_not_received": "4853",
        "product_unacceptable": "4853",
        "subscription_canceled": "4853",
    },
}


def network_code(brand: str, reason: str) -> str | None:
    """The reason code of the card network, or None."""
    return _CODES.get(brand, {}).get(reason)
