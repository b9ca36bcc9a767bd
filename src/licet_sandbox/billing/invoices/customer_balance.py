"""The customer's credit balance per currency, which the next invoice applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# The currency of a customer's invoices where nothing else determines it.
DEFAULT_CURRENCY = "usd"


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
