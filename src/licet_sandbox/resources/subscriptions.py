"""Subscriptions, as the API makes, changes and ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.billing import collection, standing
from licet_sandbox.billing.agenda import ended, plan_ahead
from licet_sandbox.billing.invoices import finalize, payment_of
from licet_sandbox.billing.methods import owned_method
from licet_sandbox.billing.schedule_follows import keep_up
from licet_sandbox.billing.subscriptions import INCOMPLETE_SECONDS, first_invoice, make_subscription
from licet_sandbox.errors import StripeError, invalid
from licet_sandbox.kit.fields import merge_metadata, metadata_of
from licet_sandbox.kit.lists import Where, page, same
from licet_sandbox.resources import subscription_changes as changes
from licet_sandbox.resources.checkout_lines import check_active
from licet_sandbox.resources.checkout_sessions import billing_mode, trial_settings
from licet_sandbox.resources.prices import make_price
from licet_sandbox.resources.subscription_pauses import set_collection

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_DAY = 24 * 3600


def create(tx: Tx, p: Params) -> Obj:
    """A subscription whose first invoice is tried at once. It stays `incomplete` where that fails."""
    p.refuse("collection_method", "charge_automatically")
    p.refuse("proration_behavior", "create_prorations", "none", "always_invoice")
    p.refuse("payment_behavior", "allow_incomplete", "default_incomplete", "error_if_incomplete")
    customer = tx.named("customer", p.need("customer"), "customer")
    chosen = [_item(tx, given) for given in p.subs("items")]
    if not chosen:
        raise p.missing("items")
    if len({choice["price"]["currency"] for choice in chosen}) > 1:
        raise invalid("All prices of a subscription must use the same currency.", param="items")
    trial_end = _trial_end(tx, p, chosen)
    subscription = make_subscription(
        tx,
        customer,
        chosen,
        status="incomplete" if trial_end is None else "trialing",
        trial_end=trial_end,
        billing_mode=billing_mode(p),
        description=p.text("description"),
        metadata=metadata_of(p),
        trial_settings=trial_settings(p),
    )
    _set_card(tx, subscription, p)
    changes.set_payment_settings(subscription, p)
    changes.schedule_end(tx, subscription, p)
    tx.insert(subscription, "customer.subscription.created")
    _start(tx, subscription, p)
    return subscription


def _start(tx: Tx, subscription: Obj, p: Params) -> None:
    extras = [(choice["price"], choice["quantity"]) for choice in (_extra(tx, e) for e in p.subs("add_invoice_items"))]
    behavior = p.get("payment_behavior", "allow_incomplete")
    off_session = p.get("off_session", False)
    invoice = first_invoice(tx, subscription, extras)
    tx.save(subscription)
    finalize(tx, invoice)
    if subscription["status"] == "incomplete":
        tx.schedule("subscription.incomplete_expire", subscription["id"], tx.now + INCOMPLETE_SECONDS)
    if invoice["amount_due"] == 0:
        collection.settle(tx, invoice, None)
    elif behavior == "default_incomplete":
        payment_of(tx, invoice)
    else:
        try:
            collection.collect(tx, invoice, off_session=off_session)
        except StripeError as refusal:
            if behavior == "error_if_incomplete":
                refusal.keep = False
                raise
        if behavior == "error_if_incomplete" and invoice["status"] != "paid":
            message = "Payment for this subscription requires additional user action."
            code = "subscription_payment_intent_requires_action"
            raise StripeError(402, {"type": "card_error", "code": code, "message": message})
    plan_ahead(tx, subscription)


def _item(tx: Tx, p: Params) -> dict[str, Any]:
    price = _extra(tx, p)["price"]
    if price["type"] != "recurring":
        message = f"The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`: {price['id']}"  # noqa: E501  # Stripe's words.
        raise invalid(message, param=p.name("price"))
    return {"price": price, "quantity": p.get("quantity", 1), "metadata": metadata_of(p)}


def _extra(tx: Tx, p: Params) -> dict[str, Any]:
    """A price, by its id or made here, and how many."""
    if "price_data" in p:
        data = p.sub("price_data")
        product = tx.named("product", data.need("product"), data.name("product"))
        price = make_price(tx, data, product["id"], active=False)
    else:
        price = tx.named("price", p.need("price"), p.name("price"))
        check_active(tx, price, p)
    return {"price": price, "quantity": p.get("quantity", 1)}


def _trial_end(tx: Tx, p: Params, chosen: list[dict[str, Any]]) -> int | None:
    days, end = p.get("trial_period_days"), p.get("trial_end")
    if days is not None and end is not None:
        message = "You may only specify one of `trial_period_days` and `trial_end`."
        raise invalid(message, param="trial_end", code="parameters_exclusive")
    if p.get("trial_from_plan", False) and days is None and end is None:
        days = max((choice["price"]["recurring"]["trial_period_days"] or 0) for choice in chosen)
    if end == "now" or (end is None and not days):
        return None
    moment: int = end if end is not None else tx.now + days * _DAY
    if moment <= tx.now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return moment


def _set_card(tx: Tx, subscription: Obj, p: Params) -> None:
    if "default_payment_method" in p:
        chosen = p.text("default_payment_method")
        if chosen is not None:
            chosen = owned_method(tx, chosen, subscription["customer"], "default_payment_method")["id"]
        subscription["default_payment_method"] = chosen


def update(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """Change it; what this sandbox cannot prorate it refuses."""
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription):
        message = "A canceled subscription can only update its cancellation_details and metadata."
        if set(p.names()) - {"metadata", "cancellation_details", "expand"}:
            raise invalid(message, code="invalid_canceled_subscription_fields")
    p.get("off_session")
    p.refuse("payment_behavior", "allow_incomplete", "error_if_incomplete")
    _set_card(tx, subscription, p)
    changes.set_payment_settings(subscription, p)
    if "description" in p:
        subscription["description"] = p.text("description")
    if "trial_settings" in p:
        subscription["trial_settings"] = trial_settings(p)
    merge_metadata(subscription, p)
    changes.note_reason(subscription, p)
    changes.change_items(tx, subscription, p)
    changes.schedule_end(tx, subscription, p)
    set_collection(tx, subscription, p)
    tx.save(subscription, "customer.subscription.updated")
    plan_ahead(tx, subscription)
    keep_up(tx, subscription)
    return subscription


def cancel(tx: Tx, p: Params, subscription_id: str) -> Obj:
    """End it now. No money is given back."""
    subscription = tx.get("subscription", subscription_id)
    if ended(subscription):
        raise invalid(f"No such subscription: '{subscription_id}'", param="id", code="resource_missing", status=404)
    p.refuse("invoice_now", False)
    p.refuse("prorate", False)
    changes.note_reason(subscription, p)
    standing.end(tx, subscription, reason="cancellation_requested")
    return subscription


def retrieve(tx: Tx, _: Params, subscription_id: str) -> Obj:
    """One subscription, also when it has ended."""
    return tx.get("subscription", subscription_id)


def list_all(tx: Tx, p: Params) -> Obj:
    """Subscriptions, newest first; canceled ones only when asked for."""
    status = p.get("status")
    wheres: list[Where] = []
    if status is None:
        wheres.append(("json ->> '$.status' != 'canceled'", ()))
    elif status == "ended":
        wheres.append(("json ->> '$.status' IN ('canceled', 'incomplete_expired')", ()))
    elif status != "all":
        wheres.append(("json ->> '$.status' = ?", (status,)))
    if "price" in p:
        having = "EXISTS (SELECT 1 FROM json_each(objects.json, '$.items.data') WHERE value ->> '$.price.id' = ?)"
        wheres.append((having, (p.get("price"),)))
    return page(tx, p, "subscription", "/v1/subscriptions", same(p, "customer", "collection_method"), wheres)
