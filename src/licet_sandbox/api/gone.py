"""Parameters that Stripe took away and still knows by name: its 400 says so, where others are merely unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.api.form import Tree

_INTENTS = ("POST /v1/payment_intents", "POST /v1/setup_intents")


def check_gone(operation: str, given: Tree) -> None:
    """400 for the list of payment method types that intents took before this version of the API."""
    if operation.startswith(_INTENTS) and "payment_method_types" in given:
        message = (
            "The `payment_method_types` parameter is no longer supported. Leave it out, or give "
            "`allowed_payment_method_types`."
        )
        raise invalid(message, param="payment_method_types", code="payment_method_types_no_longer_supported")
