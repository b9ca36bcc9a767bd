"""Customers: who buys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.ids import random_text

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


def make_customer(tx: Tx, **fields: object) -> Obj:
    """A customer in Stripe's shape; not yet stored."""
    return tx.new(
        "customer",
        **{
            "balance": 0,
            "delinquent": False,
            "invoice_prefix": random_text(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": {},
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
            **fields,
        },
    )
