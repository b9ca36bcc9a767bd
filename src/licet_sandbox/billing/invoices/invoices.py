"""An invoice's own life: draft, open, then paid, void or uncollectible. What follows for others is in `standing.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.discounts.discounts import in_force, use_up
from licet_sandbox.billing.invoices.customer_balance import balance_in, set_balance
from licet_sandbox.billing.invoices.debits import credited_name, item_behind, named_line
from licet_sandbox.billing.invoices.totals import left_over, work_out
from licet_sandbox.billing.payments.payment_intents import cancel_intent, make_intent
from licet_sandbox.billing.seller import NAME
from licet_sandbox.ids import new_id

if TYPE_CHECKING:
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx


_DAY = 24 * 3600


def make_invoice(
    tx: Tx,
    customer: Obj,
    lines: list[Obj],
    *,
    subscription: Obj | None = None,
    paid_ahead: bool = False,
    **fields: Any,
) -> Obj:
    """A draft; `invoice.created`. `period_start` and `period_end` look back; the lines' periods look ahead.

    paid_ahead: the payment came first, so neither the customer's balance nor a smallest charge changes what is due.
    Without lines it needs a `currency`.
    """
    parent = None
    if subscription is not None:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    invoice = tx.new(
        "invoice",
        **{
            "id": new_id("invoice"),
            "account_country": "US",
            "account_name": NAME,
            "auto_advance": True,
            "collection_method": (subscription or {}).get("collection_method", "charge_automatically"),
            "currency": lines[0]["currency"] if lines else None,
            "customer": customer["id"],
            "customer_address": customer["address"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_phone": customer["phone"],
            "customer_shipping": customer["shipping"],
            "customer_tax_exempt": customer["tax_exempt"],
            "customer_tax_ids": [],
            "issuer": {"type": "self"},
            # `work_out` fills it in.
            "lines": {},
            "metadata": {},
            "parent": parent,
            "period_start": tx.now,
            "period_end": tx.now,
            "status": "draft",
            "discounts": inherited(tx, subscription),
            "due_date": due_date_of(tx, subscription),
            "total_discount_amounts": [],
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "_": {"lines": [], "retries": 0, "paid_ahead": paid_ahead},
            **_said(customer, subscription),
            **fields,
        },
    )
    add_lines(tx, invoice, lines)
    return tx.insert(invoice, "invoice.created")


def due_date_of(tx: Tx, subscription: Obj | None) -> int | None:
    """When an invoice is due that this subscription makes now; None where it is not sent but charged."""
    days = (subscription or {}).get("days_until_due")
    return None if days is None else tx.now + days * _DAY


def inherited(tx: Tx, subscription: Obj | None) -> list[str]:
    """The discounts that an invoice of this subscription (None: of none) starts with."""
    return [] if subscription is None else in_force(tx, subscription["discounts"])


def _said(customer: Obj, subscription: Obj | None) -> Obj:
    """What the settings of the subscription, else of the customer, let invoices say."""
    own = subscription["invoice_settings"] if subscription is not None else {}
    both = {name: own.get(name) or customer["invoice_settings"][name] for name in ("custom_fields", "footer")}
    return both | {"description": own.get("description")}


def add_lines(tx: Tx, invoice: Obj, lines: list[Obj]) -> None:
    """Put these on a draft as well; the caller saves."""
    billed = []
    for line in lines:
        line["invoice"] = invoice["id"]
        item_id = item_behind(line)
        if item_id is not None:
            item = tx.get("invoiceitem", item_id)
            item["invoice"] = invoice["id"]
            billed.append((line, tx.save(item)))
    invoice["_"]["lines"] += lines
    for line, item in billed:
        _name_credited(tx, invoice, line, item)
    work_out(tx, invoice)


def _name_credited(tx: Tx, invoice: Obj, line: Obj, item: Obj) -> None:
    """On the line of a credit: the invoice and lines that it gives back."""
    credited = item.get("proration_details", {}).get("credited_items")
    if credited is None:
        return
    if credited["type"] == "invoice_item":
        # It was pending when the credit was made, and by now it has a line: before this one, or beside it.
        debit = tx.get("invoiceitem", credited["invoice_item"])
        mine = debit["invoice"] == invoice["id"]
        beside = [each for each in invoice["_"]["lines"] if item_behind(each) == debit["id"]] if mine else []
        credited = named_line(invoice["id"], beside[0]) if beside else credited_name(tx, debit)
    details = line["parent"]["subscription_item_details"]
    details["proration_details"] = {"credited_items": credited.get("invoice_line_item_details")}


def subscription_of(tx: Tx, invoice: Obj) -> Obj | None:
    """The subscription that this invoice bills, if any."""
    if invoice["parent"] is None:
        return None
    return tx.get("subscription", invoice["parent"]["subscription_details"]["subscription"])


def finalize(tx: Tx, invoice: Obj) -> None:
    """From draft to open: it gets its number, its page and, for money, the payment that is to pay it."""
    customer = tx.get("customer", invoice["customer"])
    subscription = subscription_of(tx, invoice)
    work_out(tx, invoice)
    use_up(tx, invoice, subscription)
    if subscription is not None:
        # Up to here the metadata follows the subscription; from here on it is frozen.
        invoice["parent"]["subscription_details"]["metadata"] = dict(subscription["metadata"])
    invoice |= {
        "status": "open",
        "number": invoice["number"] or _next_number(tx, customer),
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or tx.now,
        "ending_balance": left_over(invoice),
        "hosted_invoice_url": f"{tx.host.base_url}/i/{invoice['id']}",
        "invoice_pdf": f"{tx.host.base_url}/i/{invoice['id']}/print",
        "status_transitions": invoice["status_transitions"] | {"finalized_at": tx.now},
        "webhooks_delivered_at": tx.now,
    }
    tx.save(invoice, "invoice.finalized")
    if invoice["due_date"] is not None:
        tx.schedule("invoice.overdue", invoice["id"], invoice["due_date"])
    _move_balance(tx, customer, invoice, invoice["ending_balance"] - invoice["starting_balance"])


def _next_number(tx: Tx, customer: Obj) -> str:
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    tx.save(customer)
    return number


def _move_balance(tx: Tx, customer: Obj, invoice: Obj, by: int) -> None:
    """Credit that this invoice used or made, and an amount too small to charge. Says the customer's currency too."""
    if customer["currency"] is None or by != 0:
        set_balance(tx, customer, invoice["currency"], balance_in(customer, invoice["currency"]) + by)


def payment_of(tx: Tx, invoice: Obj) -> Obj:
    """The open payment of an open invoice, made with its intent when it is first wanted."""
    where = "json ->> '$.invoice' = ? AND json ->> '$.status' = 'open'"
    found = tx.select("invoice_payment", where, invoice["id"])
    if found:
        return found[-1]
    first = invoice["billing_reason"] == "subscription_create"
    subscription = invoice["parent"] is not None
    intent = make_intent(
        tx,
        invoice["amount_remaining"],
        invoice["currency"],
        customer=invoice["customer"],
        description=("Subscription creation" if first else "Subscription update") if subscription else "Invoice",
        setup_future_usage="off_session" if subscription else None,
    )
    return link_payment(tx, invoice, intent)


def link_payment(tx: Tx, invoice: Obj, intent: Obj) -> Obj:
    """Say which payment pays this invoice."""
    return tx.create(
        "invoice_payment",
        amount_requested=invoice["amount_remaining"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )


def note_try(invoice: Obj) -> None:
    """Count a try to pay; the caller saves it together with the outcome."""
    invoice["attempted"] = True
    invoice["attempt_count"] += 1


def mark_paid(tx: Tx, invoice: Obj, payment: Obj | None) -> None:
    """Paid: by this payment, or (None) because nothing was due or it was settled elsewhere, which counts as paid."""
    tx.unschedule(invoice["id"])
    if payment is not None:
        payment |= {
            "status": "paid",
            "amount_paid": payment["amount_requested"],
            "status_transitions": payment["status_transitions"] | {"paid_at": tx.now},
        }
        tx.save(payment, "invoice_payment.paid")
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"paid_at": tx.now},
    }
    tx.save(invoice, "invoice.updated", "invoice.paid", *(["invoice.payment_succeeded"] if payment is not None else []))


def close_payments(tx: Tx, invoice: Obj, reason: str) -> None:
    """Give up what was to pay it."""
    where = "json ->> '$.invoice' = ? AND json ->> '$.status' = 'open'"
    for payment in tx.select("invoice_payment", where, invoice["id"]):
        cancel_intent(tx, tx.get("payment_intent", payment["payment"]["payment_intent"]), reason)
        payment["status"] = "canceled"
        payment["status_transitions"] = payment["status_transitions"] | {"canceled_at": tx.now}
        tx.save(payment)


def void(tx: Tx, invoice: Obj) -> None:
    """It counts no more, and what it took from the customer's balance goes back."""
    tx.unschedule(invoice["id"])
    close_payments(tx, invoice, "void_invoice")
    customer = tx.find(invoice["customer"])
    if customer is not None and invoice["ending_balance"] is not None:
        _move_balance(tx, customer, invoice, invoice["starting_balance"] - invoice["ending_balance"])
    invoice |= {
        "status": "void",
        "auto_advance": False,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"voided_at": tx.now},
    }
    tx.save(invoice, "invoice.updated", "invoice.voided")


def mark_uncollectible(tx: Tx, invoice: Obj) -> None:
    """Bad debt. It can still be paid, and is no longer tried by itself."""
    tx.unschedule(invoice["id"])
    invoice |= {
        "status": "uncollectible",
        "auto_advance": False,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"marked_uncollectible_at": tx.now},
    }
    tx.save(invoice, "invoice.updated", "invoice.marked_uncollectible")


def stop_collecting(tx: Tx, invoice: Obj) -> None:
    """It stays as it is, but is no longer finalized or tried by itself."""
    tx.unschedule(invoice["id"])
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
    tx.save(invoice, "invoice.updated")
