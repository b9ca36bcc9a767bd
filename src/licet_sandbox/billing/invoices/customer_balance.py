"""The customer's credit balance per currency, which the next invoice applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The currency of a customer's invoices where nothing else determines it.
DEFAULT_CURRENCY = "usd"

# In minor units. Source: Stripe, "Minimum and maximum charge amounts".
_MINIMUM_CHARGES = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip


def minimum_charge(currency: str) -> int:
    """The minimum charge amount, in minor units."""
    return _MINIMUM_CHARGES.get(currency, 1)


def balance_in(customer: Obj, currency: str) -> int:
    """The balance in this currency: negative is credit, positive is owed.

    `balance` is in the customer's own currency; balances in other currencies are kept in `_`.
    """
    if customer["currency"] in (None, currency):
        return int(customer["balance"])
    return int(customer.get("_", {}).get("balances", {}).get(currency, 0))


def set_balance(tx: Tx, customer: Obj, currency: str, amount: int) -> None:
    """Sets the balance and emits `customer.updated`."""
    if customer["currency"] is None:
        customer["currency"] = currency
    if customer["currency"] == currency:
        customer["balance"] = amount
    else:
        private = customer.get("_", {})
        customer["_"] = {**private, "balances": {**private.get("balances", {}), currency: amount}}
    tx.save(customer, "customer.updated")
