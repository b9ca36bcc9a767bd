"""Balance transactions of disputes: withdrawals from the account and reinstatements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

# Minor units, in every currency (at Stripe the seller's country decides). Winning a dispute does not return it.
FEE = 1500


def withdrawn(dispute: Obj) -> int:
    """The amount that the dispute holds now, in minor units, without its fee."""
    return -sum(int(entry["amount"]) for entry in dispute["balance_transactions"])


def disputable(tx: Tx, charge: Obj) -> int:
    """The amount of a charge that is neither refunded nor held by a dispute, in minor units."""
    others = tx.select("dispute", "json ->> '$.charge' = ?", charge["id"])
    taken = sum(withdrawn(other) for other in others)
    return int(charge["amount_captured"] - charge["amount_refunded"] - taken)


def withdraw(tx: Tx, dispute: Obj, amount: int) -> None:
    """Withdraws the amount (minor units) and the fee."""
    fee = {
        "amount": FEE,
        "application": None,
        "currency": dispute["currency"],
        "description": "Dispute fee",
        "type": "stripe_fee",
    }
    words = f"Chargeback withdrawal for {dispute['charge']}"
    dispute["balance_transactions"] = [_entry(tx, dispute, -amount, words, category="dispute", fees=[fee])]


def reinstate(tx: Tx, dispute: Obj) -> None:
    """Reinstates the withdrawn amount, without the fee."""
    words = f"Chargeback reversal for {dispute['charge']}"
    back = _entry(tx, dispute, withdrawn(dispute), words, category="dispute_reversal", fees=[])
    dispute["balance_transactions"] = [*dispute["balance_transactions"], back]


def _entry(tx: Tx, dispute: Obj, amount: int, words: str, *, category: str, fees: list[Obj]) -> Obj:
    fee = sum(part["amount"] for part in fees)
    return tx.new(
        "balance_transaction",
        amount=amount,
        available_on=tx.now,
        balance_type="payments",
        currency=dispute["currency"],
        description=words,
        fee=fee,
        fee_details=fees,
        net=amount - fee,
        reporting_category=category,
        source=dispute["id"],
        status="available",
        type="adjustment",
    )
