"""Parameters of checkout sessions in `setup` mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import currency_of, metadata_of

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

# Parameters of a purchase, which `setup` mode does not have.
_NOT_FOR_SETUP = (
    "line_items",
    "allow_promotion_codes",
    "automatic_tax",
    "discounts",
    "invoice_creation",
    "optional_items",
    "payment_intent_data",
    "payment_method_collection",
    "shipping_options",
    "submit_type",
    "subscription_data",
)


def check_setup(p: Params, mode: str) -> None:
    """400 for a parameter that the mode does not allow."""
    refused = _NOT_FOR_SETUP if mode == "setup" else ("setup_intent_data",)
    for name in refused:
        if name in p:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", param=name)


def setup_currency(p: Params) -> str | None:
    """The currency, which selects the payment methods; required unless those are named."""
    return None if "currency" not in p and p.get("allowed_payment_method_types") else currency_of(p)


def setup_data(p: Params, session: Obj) -> dict[str, Any]:
    """The fields of the session's setup intent."""
    data = p.sub("setup_intent_data")
    return {
        "allowed_payment_method_types": session["allowed_payment_method_types"],
        "description": data.text("description"),
        "metadata": metadata_of(data),
    }
