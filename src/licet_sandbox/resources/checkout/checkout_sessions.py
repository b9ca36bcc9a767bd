"""Checkout sessions: a purchase that a buyer completes on a hosted page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licet_sandbox.billing.checkout import checkout_sessions
from licet_sandbox.billing.checkout.checkout_sessions import check_currency
from licet_sandbox.billing.checkout.setup_mode import ensure_setup
from licet_sandbox.billing.checkout.totals import compute_session_totals
from licet_sandbox.errors import invalid
from licet_sandbox.ids import new_id
from licet_sandbox.kit.fields import email_of, merge_metadata, metadata_of, web_address_of
from licet_sandbox.kit.lists import Where, page, same, slice_page
from licet_sandbox.resources.catalogue.discounts import read_offer
from licet_sandbox.resources.checkout.custom_fields import read_extra_fields
from licet_sandbox.resources.checkout.line_items import make_lines
from licet_sandbox.resources.checkout.purchase_params import mode_fields, payment_data, subscription_data
from licet_sandbox.resources.checkout.setup_params import check_setup, setup_currency, setup_data
from licet_sandbox.resources.payments.intent_params import method_types

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_HALF_HOUR, _DAY = 1800, 24 * 3600
# Returned as given. In this sandbox only `allow_promotion_codes` has an effect.
_STORED_ONLY = (
    "allow_promotion_codes",
    "billing_address_collection",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
)


def create(tx: Tx, p: Params) -> Obj:
    """Create an open session; `url` is the address of its page."""
    mode = p.need("mode")
    check_setup(p, mode)
    p.refuse("ui_mode", "hosted_page")
    session_id = new_id("checkout.session")
    lines = [] if mode == "setup" else make_lines(tx, p, mode)
    data = subscription_data(tx, p) if mode == "subscription" else {}
    session = tx.new(
        "checkout.session",
        id=session_id,
        adaptive_pricing={"enabled": False},
        after_expiration=_after_expiration(p, mode),
        cancel_url=web_address_of(p, "cancel_url"),
        client_reference_id=p.text("client_reference_id"),
        collected_information={"business_name": None, "individual_name": None, "shipping_details": None},
        currency=setup_currency(p) if mode == "setup" else lines[0]["currency"],
        expires_at=_expiry(tx, p),
        metadata=metadata_of(p),
        mode=mode,
        payment_method_options={"card": {"request_three_d_secure": _three_d_secure(p)}},
        payment_method_types=["card"],
        # `compute_session_totals` sets the real status.
        payment_status="unpaid",
        status="open",
        success_url=_success_address(p),
        ui_mode="hosted_page",
        url=f"{tx.host.base_url}/c/pay/{session_id}",
        _={"line_items": lines, "subscription_data": data, "payment_intent_data": payment_data(p, mode)},
        **{key: p.get(key) for key in _STORED_ONLY if key in p},
        **method_types(p),
        **read_extra_fields(p),
        **_customer(tx, p, mode),
        **mode_fields(p, mode),
    )
    _refuse_unsupported(p)
    if mode == "setup":
        session["payment_status"] = "no_payment_required"
        session["_"]["setup_intent_data"] = setup_data(p, session)
        ensure_setup(tx, session)
    else:
        check_currency(tx, session)
        _set_discounts(tx, session, p)
        compute_session_totals(tx, session)
    tx.insert(session)
    tx.schedule("checkout.expire", session_id, session["expires_at"])
    return session


def _set_discounts(tx: Tx, session: Obj, p: Params) -> None:
    """Apply one coupon or promotion code; 400 if the buyer may also enter promotion codes."""
    entries = p.subs("discounts")
    if entries and session["allow_promotion_codes"] is not None:
        message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise invalid(message, param="discounts", code="parameters_exclusive")
    if len(entries) > 1:
        raise invalid("You can pass at most one discount.", param="discounts")
    session["discounts"] = []
    subtotal = sum(line["amount_subtotal"] for line in session["_"]["line_items"])
    for entry in entries:
        offer = read_offer(tx, entry, currency=session["currency"], customer=session["customer"], amount=subtotal)
        if offer is None:
            raise entry.missing("coupon")
        code = offer.code["id"] if offer.code is not None else None
        session["discounts"] = [{"coupon": None if code else offer.coupon["id"], "promotion_code": code}]


def _success_address(p: Params) -> str | None:
    p.need("success_url")
    return web_address_of(p, "success_url")


def _expiry(tx: Tx, p: Params) -> int:
    expires_at: int = p.get("expires_at", tx.now + _DAY)
    # A few seconds of tolerance: the caller computed the time before the request arrived.
    if not tx.now + _HALF_HOUR - 5 <= expires_at <= tx.now + _DAY + 5:
        message = "The `expires_at` timestamp must be from 30 minutes to 24 hours from Checkout Session creation."
        raise invalid(message, param="expires_at")
    return expires_at


def _three_d_secure(p: Params) -> str:
    """When to request 3D Secure; the bank may require it anyway."""
    request: str = p.sub("payment_method_options").sub("card").get("request_three_d_secure", "automatic")
    return request


def _after_expiration(p: Params, mode: str) -> Obj | None:
    """Whether an expired session offers a recovery `url` that creates a new session."""
    recovery = p.sub("after_expiration").sub("recovery")
    if not recovery:
        return None
    if mode == "setup":
        raise invalid("You can not pass `after_expiration` in `setup` mode.", param="after_expiration")
    plain = {"enabled": recovery.get("enabled"), "allow_promotion_codes": recovery.get("allow_promotion_codes", False)}
    return {"recovery": plain | {"expires_at": None, "url": None}}


def _customer(tx: Tx, p: Params, mode: str) -> Obj:
    customer_id, email, creation = p.text("customer"), email_of(p, "customer_email"), p.get("customer_creation")
    if customer_id and email:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer", code="parameters_exclusive")
    if creation is not None and (mode == "subscription" or customer_id):
        message = "`customer_creation` can only be used in `payment` and `setup` mode, and not with `customer`."
        raise invalid(message, param="customer_creation")
    update = p.sub("customer_update")
    for name in ("address", "name", "shipping"):
        update.refuse(name, "auto", "never")
    if customer_id is None:
        return {
            "customer_email": email,
            "customer_creation": None if mode == "subscription" else (creation or "if_required"),
        }
    customer = tx.named("customer", customer_id, "customer")
    details = {
        "address": customer["address"],
        "business_name": None,
        "email": customer["email"],
        "individual_name": None,
        "name": customer["name"],
        "phone": customer["phone"],
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": [],
    }
    return {"customer": customer_id, "customer_details": details}


def _refuse_unsupported(p: Params) -> None:
    """Refuse parameters of features that this sandbox does not have, unless they are switched off."""
    for name in ("automatic_tax", "tax_id_collection", "adaptive_pricing"):
        p.sub(name).refuse("enabled", False)


def retrieve(tx: Tx, _: Params, session_id: str) -> Obj:
    """Retrieve a session."""
    return tx.get("checkout.session", session_id)


def update(tx: Tx, p: Params, session_id: str) -> Obj:
    """Update a session's metadata."""
    session = tx.get("checkout.session", session_id)
    merge_metadata(session, p)
    return tx.save(session)


def expire(tx: Tx, _: Params, session_id: str) -> Obj:
    """Expire an open session."""
    session = tx.get("checkout.session", session_id)
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        raise invalid(message)
    checkout_sessions.expire_session(tx, session)
    return session


def list_all(tx: Tx, p: Params) -> Obj:
    """List sessions, newest first; filters include the payment intent and the subscription."""
    by_email: list[Where] = []
    details = p.sub("customer_details")
    if "email" in details:
        by_email.append(("json ->> '$.customer_details.email' = ?", (details.get("email"),)))
    fields = same(p, "customer", "payment_intent", "subscription", "status")
    return page(tx, p, "checkout.session", "/v1/checkout/sessions", fields, by_email)


def list_line_items(tx: Tx, p: Params, session_id: str) -> Obj:
    """List a session's line items, in the order given at creation."""
    session = tx.get("checkout.session", session_id)
    return slice_page(p, session["_"]["line_items"], f"/v1/checkout/sessions/{session_id}/line_items")
