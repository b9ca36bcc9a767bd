"""Parameters for what a paid checkout session creates: payment intent, invoice, subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import email_of, metadata_of, shipping_of
from licet_sandbox.resources.catalogue.prices import LONGEST_TRIAL_DAYS
from licet_sandbox.resources.subscriptions.create_params import billing_mode, trial_settings

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def mode_fields(p: Params, mode: str) -> Obj:
    """The fields that only sessions of this mode have."""
    if mode == "setup":
        return {}
    if mode == "subscription":
        if "invoice_creation" in p:
            message = "You can not pass `invoice_creation` in `subscription` mode."
            raise invalid(message, param="invoice_creation")
        return {"payment_method_collection": p.get("payment_method_collection", "always")}
    given = p.sub("invoice_creation")
    data = given.sub("invoice_data")
    for name in ("account_tax_ids", "issuer", "rendering_options"):
        data.refuse(name, "")
    return {
        "invoice_creation": {
            "enabled": given.get("enabled", False),
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": data.get("custom_fields") or None,
                "description": data.text("description"),
                "footer": data.text("footer"),
                "issuer": None,
                "metadata": metadata_of(data),
                "rendering_options": None,
            },
        },
    }


def payment_data(p: Params, mode: str) -> Obj:
    """The fields of the session's payment intent."""
    if mode == "subscription":
        if "payment_intent_data" in p:
            message = "You can not pass `payment_intent_data` in `subscription` mode."
            raise invalid(message, param="payment_intent_data")
        return {}
    data = p.sub("payment_intent_data")
    data.refuse("capture_method", "automatic", "automatic_async")
    texts = ("description", "statement_descriptor", "statement_descriptor_suffix")
    made: Obj = {key: data.text(key) for key in texts} | {"metadata": metadata_of(data)}
    made["receipt_email"] = email_of(data, "receipt_email")
    made["setup_future_usage"] = data.get("setup_future_usage")
    if "shipping" in data:
        made["shipping"] = shipping_of(data.sub("shipping"))
    return made


def subscription_data(tx: Tx, p: Params) -> dict[str, Any]:
    """The fields of the session's subscription."""
    if "customer_creation" in p:
        message = "`customer_creation` can only be used in `payment` and `setup` mode."
        raise invalid(message, param="customer_creation")
    data = p.sub("subscription_data")
    data.refuse("proration_behavior", "create_prorations", "none")
    days, trial_end = data.get("trial_period_days"), data.get("trial_end")
    if days is not None and trial_end is not None:
        message = "You may only specify one of `trial_period_days` and `trial_end`."
        raise invalid(message, param=data.name("trial_end"), code="parameters_exclusive")
    if days is not None and not 1 <= days <= LONGEST_TRIAL_DAYS:
        raise invalid(
            f"`trial_period_days` must be from 1 to {LONGEST_TRIAL_DAYS}.", param=data.name("trial_period_days")
        )
    if trial_end is not None and trial_end < tx.now + 2 * _DAY - 5:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise invalid(message, param=data.name("trial_end"))
    return {
        "metadata": metadata_of(data),
        "description": data.text("description"),
        "trial_period_days": days,
        "trial_end": trial_end,
        "billing_mode": billing_mode(data),
        "trial_settings": trial_settings(data),
        "invoice_settings": _invoice_settings(data.sub("invoice_settings")),
    }


def _invoice_settings(p: Params) -> Obj:
    """The custom fields and footer of the subscription's invoices."""
    p.refuse("account_tax_ids", "", [])
    p.sub("issuer").refuse("type", "self")
    return {"custom_fields": p.get("custom_fields") or None, "footer": p.text("footer")}
