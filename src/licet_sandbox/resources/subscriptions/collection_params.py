"""Parameters for collecting invoices: charged automatically, or sent and paid by a due date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.invoices.invoices import due_date_of
from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600
_MAX_DAYS = 5 * 366
_CHARGED, _SENT = "charge_automatically", "send_invoice"


def subscription_collection(p: Params, before: Obj | None = None) -> Obj:
    """`collection_method` and `days_until_due` of a subscription. before: the subscription, if it exists."""
    method, days = _method(p, before), _days(p)
    if method == _CHARGED:
        _refuse_due(p, "days_until_due")
        return {"collection_method": method, "days_until_due": None}
    if days is None and before is not None:
        days = before["days_until_due"]
    if days is None:
        message = "If a subscription's `collection_method` is `send_invoice`, `days_until_due` must be given."
        raise invalid(message, param="days_until_due", code="parameter_missing")
    return {"collection_method": method, "days_until_due": days}


def invoice_collection(tx: Tx, p: Params, before: Obj | None = None) -> Obj:
    """`collection_method` and `due_date` of an invoice. before: the draft or its subscription."""
    method, days, due_date = _method(p, before), _days(p), p.get("due_date")
    if method == _CHARGED:
        _refuse_due(p, "days_until_due", "due_date")
        return {"collection_method": method, "due_date": None}
    if days is not None and due_date is not None:
        message = "You may only specify one of these parameters: days_until_due, due_date."
        raise invalid(message, param="due_date", code="parameters_exclusive")
    if days is not None:
        due_date = tx.now + days * _DAY
    elif due_date is None and before is not None:
        due_date = due_date_of(tx, before) if before["object"] == "subscription" else before["due_date"]
    elif due_date is not None and due_date <= tx.now:
        raise invalid("`due_date` must be in the future.", param="due_date")
    if due_date is None:
        message = "If an invoice's `collection_method` is `send_invoice`, `days_until_due` or `due_date` must be given."
        raise invalid(message, param="days_until_due", code="parameter_missing")
    return {"collection_method": method, "due_date": due_date}


def _method(p: Params, before: Obj | None) -> str:
    current = before["collection_method"] if before is not None else _CHARGED
    return str(p.get("collection_method") or current)


def _days(p: Params) -> int | None:
    days: int | None = p.get("days_until_due")
    if days is not None and not 0 <= days <= _MAX_DAYS:
        raise invalid(f"Invalid days_until_due: from 0 to {_MAX_DAYS}.", param="days_until_due")
    return days


def _refuse_due(p: Params, *names: str) -> None:
    for name in names:
        if p.get(name) is not None:
            raise invalid(f"`{name}` can only be given with `collection_method=send_invoice`.", param=name)
