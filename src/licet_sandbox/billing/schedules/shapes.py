"""The parts of a subscription schedule in Stripe's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj


def phase_of(subscription: Obj) -> Obj:
    """A phase that keeps the subscription as it is, for its current period or until `cancel_at`."""
    items = subscription["items"]["data"]
    return make_phase(
        currency=subscription["currency"],
        discounts=discount_entries(subscription),
        end_date=subscription["cancel_at"] or max(item["current_period_end"] for item in items),
        items=[phase_item_of(item) for item in items],
        start_date=min(item["current_period_start"] for item in items),
        trial_end=subscription["trial_end"] if subscription["status"] == "trialing" else None,
    )


def make_phase(**fields: Any) -> Obj:
    """A phase; fields that are not given have no effect."""
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "invoice_settings": None,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "transfer_data": None,
        "trial_end": None,
        **fields,
    }


def phase_item_of(item: Obj) -> Obj:
    """A subscription item as an item of a phase."""
    return phase_item(item["price"]["id"], item["quantity"], dict(item["metadata"]), discount_entries(item))


def discount_entries(holder: Obj) -> list[Obj]:
    """The discounts of a subscription or an item as entries of a phase."""
    return [{"coupon": None, "discount": discount_id, "promotion_code": None} for discount_id in holder["discounts"]]


def phase_item(price_id: str, quantity: int, metadata: dict[str, str], discounts: list[Obj]) -> Obj:
    """An item of a phase."""
    return {
        "billing_thresholds": None,
        "discounts": discounts,
        "metadata": metadata,
        "plan": price_id,
        "price": price_id,
        "quantity": quantity,
        "tax_rates": [],
    }


def default_settings(**fields: Any) -> Obj:
    """The settings of phases that do not set their own."""
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": invoice_settings(),
        "on_behalf_of": None,
        "transfer_data": None,
        **fields,
    }


def invoice_settings(**fields: Any) -> Obj:
    """Texts and terms of invoices."""
    return {
        "account_tax_ids": None,
        "custom_fields": None,
        "days_until_due": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
        **fields,
    }
