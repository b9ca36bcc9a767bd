"""An invoice's status: draft, open, then paid, void or uncollectible.

What follows for its subscription and customer is in `collection/subscription_status.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing.discounts.discounts import active_discounts, consume_once_discounts
from licet_sandbox.billing.invoices.customer_balance import balance_in, set_balance
from licet_sandbox.billing.invoices.debits import credit_reference, invoice_item_id_of, line_reference
from licet_sandbox.billing.invoices.totals import compute_invoice_totals, ending_balance_of
from licet_sandbox.billing.payments.payment_intents import cancel_intent, make_intent
from licet_sandbox.billing.seller import SELLER_NAME
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
    """Creates a draft; `invoice.created`.

    `period_start` and `period_end` are of the past period; the lines have the periods that they bill.
    Without lines it needs a `currency`.

    paid_ahead: the payment came first; the customer's balance and the minimum charge do not change the amount due
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
            "account_name": SELLER_NAME,
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
            # `compute_invoice_totals` fills it in.
            "lines": {},
            "metadata": {},
            "parent": parent,
            "period_start": tx.now,
            "period_end": tx.now,
            "status": "draft",
            "discounts": inherited_discounts(tx, subscription),
            "due_date": due_date_of(tx, subscription),
            "total_discount_amounts": [],
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "_": {"lines": [], "retries": 0, "paid_ahead": paid_ahead},
            **_invoice_texts(customer, subscription),
            **fields,
        },
    )
    add_lines(tx, invoice, lines)
    return tx.insert(invoice, "invoice.created")


def due_date_of(tx: Tx, subscription: Obj | None) -> int | None:
    """The due date of an invoice that this subscription creates now; None if it is charged automatically."""
    days = (subscription or {}).get("days_until_due")
    return None if days is None else tx.now + days * _DAY


def inherited_discounts(tx: Tx, subscription: Obj | None) -> list[str]:
    """The discounts that a new invoice takes over from its subscription."""
    return [] if subscription is None else active_discounts(tx, subscription["discounts"])


def _invoice_texts(customer: Obj, subscription: Obj | None) -> Obj:
    """Custom fields, footer and description: those of the subscription, else of the customer."""
    own = subscription["invoice_settings"] if subscription is not None else {}
    both = {name: own.get(name) or customer["invoice_settings"][name] for name in ("custom_fields", "footer")}
    return both | {"description": own.get("description")}


def add_lines(tx: Tx, invoice: Obj, lines: list[Obj]) -> None:
    """Adds lines to a draft; the caller saves."""
    billed = []
    for line in lines:
        line["invoice"] = invoice["id"]
        item_id = invoice_item_id_of(line)
        if item_id is not None:
            item = tx.get("invoiceitem", item_id)
            item["invoice"] = invoice["id"]
            billed.append((line, tx.save(item)))
    invoice["_"]["lines"] += lines
    for line, item in billed:
        _set_credited_items(tx, invoice, line, item)
    compute_invoice_totals(tx, invoice)


def _set_credited_items(tx: Tx, invoice: Obj, line: Obj, item: Obj) -> None:
    """Sets `credited_items` on the line of a credit: the invoice and the lines that it credits."""
    credited = item.get("proration_details", {}).get("credited_items")
    if credited is None:
        return
    if credited["type"] == "invoice_item":
        # It was pending when the credit was made. By now it is billed: on an earlier invoice, or on this one.
        debit = tx.get("invoiceitem", credited["invoice_item"])
        same_invoice = debit["invoice"] == invoice["id"]
        lines = invoice["_"]["lines"] if same_invoice else []
        own_lines = [each for each in lines if invoice_item_id_of(each) == debit["id"]]
        credited = line_reference(invoice["id"], own_lines[0]) if own_lines else credit_reference(tx, debit)
    details = line["parent"]["subscription_item_details"]
    details["proration_details"] = {"credited_items": credited.get("invoice_line_item_details")}


def subscription_of(tx: Tx, invoice: Obj) -> Obj | None:
    """The subscription that this invoice bills, or None."""
    if invoice["parent"] is None:
        return None
    return tx.get("subscription", invoice["parent"]["subscription_details"]["subscription"])


def finalize_invoice(tx: Tx, invoice: Obj) -> None:
    """Finalizes a draft: status `open`, with its number and its hosted page."""
    customer = tx.get("customer", invoice["customer"])
    subscription = subscription_of(tx, invoice)
    compute_invoice_totals(tx, invoice)
    consume_once_discounts(tx, invoice, subscription)
    if subscription is not None:
        # A draft follows the metadata of its subscription; finalizing freezes it.
        invoice["parent"]["subscription_details"]["metadata"] = dict(subscription["metadata"])
    invoice |= {
        "status": "open",
        "number": invoice["number"] or _next_number(tx, customer),
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or tx.now,
        "ending_balance": ending_balance_of(invoice),
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
    """Changes the customer's balance by credit used or left over; also sets the customer's currency."""
    if customer["currency"] is None or by != 0:
        set_balance(tx, customer, invoice["currency"], balance_in(customer, invoice["currency"]) + by)


def open_payment(tx: Tx, invoice: Obj) -> Obj:
    """The open payment of an open invoice; creates it, with its payment intent, if there is none."""
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
    """Links a payment intent to the invoice that it pays."""
    return tx.create(
        "invoice_payment",
        amount_requested=invoice["amount_remaining"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )


def record_attempt(invoice: Obj) -> None:
    """Counts an attempt to pay; the caller saves it together with its outcome."""
    invoice["attempted"] = True
    invoice["attempt_count"] += 1


def mark_paid(tx: Tx, invoice: Obj, payment: Obj | None) -> None:
    """Marks the invoice paid.

    payment: the payment that paid it; None: nothing was due, or it was paid out of band
    """
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


def cancel_payments(tx: Tx, invoice: Obj, reason: str) -> None:
    """Cancels the open payments of an invoice and their intents."""
    where = "json ->> '$.invoice' = ? AND json ->> '$.status' = 'open'"
    for payment in tx.select("invoice_payment", where, invoice["id"]):
        cancel_intent(tx, tx.get("payment_intent", payment["payment"]["payment_intent"]), reason)
        payment["status"] = "canceled"
        payment["status_transitions"] = payment["status_transitions"] | {"canceled_at": tx.now}
        tx.save(payment)


def void_invoice(tx: Tx, invoice: Obj) -> None:
    """Voids the invoice and returns its share of the customer's balance."""
    tx.unschedule(invoice["id"])
    cancel_payments(tx, invoice, "void_invoice")
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


def mark_invoice_uncollectible(tx: Tx, invoice: Obj) -> None:
    """Marks the invoice uncollectible. It can still be paid, and is not retried."""
    tx.unschedule(invoice["id"])
    invoice |= {
        "status": "uncollectible",
        "auto_advance": False,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"marked_uncollectible_at": tx.now},
    }
    tx.save(invoice, "invoice.updated", "invoice.marked_uncollectible")


def stop_collecting(tx: Tx, invoice: Obj) -> None:
    """Stops automatic collection: the invoice is neither finalized nor tried automatically."""
    tx.unschedule(invoice["id"])
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
    tx.save(invoice, "invoice.updated")
