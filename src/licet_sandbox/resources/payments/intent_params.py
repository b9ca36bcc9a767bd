"""Parameters shared by payment intents and setup intents: customer, card, `return_url`, options."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from licet_sandbox.billing.payments.next_actions import set_return_url
from licet_sandbox.billing.payments.payment_methods import check_usable, method_or_token
from licet_sandbox.errors import StripeError, invalid, unsupported
from licet_sandbox.kit.fields import host_of
from licet_sandbox.spec.shapes import public

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj
    from licet_sandbox.state.tx import Tx

_NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
_APP_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\[\]\s]*")
_SCRIPT_SCHEMES = ("javascript:", "data:", "vbscript:")
_TYPES = ("allowed_payment_method_types", "excluded_payment_method_types")


def automatic_methods(p: Params) -> Obj | None:
    """`automatic_payment_methods`, enabled by default."""
    given = p.sub("automatic_payment_methods")
    return {"enabled": given.get("enabled", True), "allow_redirects": given.get("allow_redirects", "always")}


def method_types(p: Params) -> Obj:
    """Allowed and excluded payment method types. Cards, the only type here, must be allowed."""
    fields = {name: p.get(name) or None for name in _TYPES if name in p}
    allowed, excluded = (fields.get(name) for name in _TYPES)
    if allowed is not None and "card" not in allowed:
        raise unsupported("payment methods other than `card`", param=_TYPES[0])
    if excluded is not None and "card" in excluded:
        raise unsupported("payment methods other than `card`", param=_TYPES[1])
    return fields


def setup_card_options(p: Params, *others: str) -> Obj:
    """`payment_method_options[card]`: when to request 3D Secure. others: options that stay null."""
    card = p.sub("payment_method_options").sub("card")
    if "request_three_d_secure" not in card:
        return {}
    options = {**dict.fromkeys(others), "request_three_d_secure": card.get("request_three_d_secure")}
    return {"payment_method_options": {"card": options}}


def choose_customer(tx: Tx, intent: Obj, p: Params) -> None:
    """Set the customer. It can be added later, but not changed."""
    if "customer" not in p:
        return
    customer_id = p.text("customer")
    if intent["customer"] is not None and customer_id != intent["customer"]:
        name = _NAMES[intent["object"]]
        message = (
            f"You cannot modify `customer` on a {name} once it already has been set. Cancel it and create a new one."
        )
        raise invalid(message, param="customer")
    if customer_id is not None:
        tx.named("customer", customer_id, "customer")
    intent["customer"] = customer_id


def choose_method(tx: Tx, intent: Obj, p: Params) -> None:
    """Set the card, by id or token; an empty string clears it. 400 if another customer owns it."""
    if "payment_method" not in p:
        return
    value = p.text("payment_method")
    if value is None:
        intent |= {"payment_method": None, "status": "requires_payment_method", "next_action": None}
        return
    method = method_or_token(tx, value, "payment_method")
    check_usable(method, "payment_method")
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        name = _NAMES[intent["object"]]
        message = (
            f"The PaymentMethod {method['id']} belongs to another Customer than this {name}. Give it as `customer`."
        )
        raise invalid(message, param="payment_method")
    intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def check_method_owner(tx: Tx, intent: Obj) -> None:
    """400 if the chosen card belongs to another customer than the intent's."""
    method = tx.find(intent["payment_method"]) if intent["payment_method"] is not None else None
    if method is not None and method["customer"] not in (None, intent["customer"]):
        raise invalid(f"The {_NAMES[intent['object']]}'s PaymentMethod belongs to another Customer.", param="customer")


def required_method(tx: Tx, intent: Obj) -> Obj:
    """The card to confirm with; 400 if there is none."""
    if intent["payment_method"] is None:
        message = f"You cannot confirm this {_NAMES[intent['object']]} because it's missing a payment method."
        raise unexpected_state(intent, message)
    return tx.get("payment_method", intent["payment_method"])


def apply_return_url(intent: Obj, p: Params) -> None:
    """Store `return_url`, the address to return to after 3D Secure; not with `use_stripe_sdk`."""
    return_url, scripted = p.text("return_url"), p.get("use_stripe_sdk", False)
    if return_url is not None and not _is_address(return_url):
        raise invalid(
            "Not a valid URL: it must begin with a scheme, such as https://.", param="return_url", code="url_invalid"
        )
    set_return_url(intent, None if scripted else return_url)


def _is_address(url: str) -> bool:
    """True for a web address or an app's URL scheme, but not for a scheme that runs scripts."""
    if url.lower().startswith(("http://", "https://")):
        return host_of(url) is not None
    return _APP_URL.fullmatch(url) is not None and not url.lower().startswith(_SCRIPT_SCHEMES)


def only_when_confirmed(p: Params, *names: str) -> None:
    """400 for parameters that require `confirm=true`."""
    for name in names:
        if name in p:
            raise invalid(f"`{name}` can only be given with `confirm=true`.", param=name)


def check_status(intent: Obj, doing: str, *refused: str) -> None:
    """400 if the intent's status does not allow the operation."""
    if intent["status"] in refused:
        name = _NAMES[intent["object"]]
        message = f"You cannot {doing} this {name} because it has a status of {intent['status']}."
        raise unexpected_state(intent, message)


def unexpected_state(intent: Obj, message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    """The 400 for an intent in the wrong status, or with `code`. As at Stripe, it includes the intent."""
    kind = intent["object"]
    error = invalid(message, param=param, code=code or f"{kind}_unexpected_state")
    error.error[kind] = copy.deepcopy(public(intent))
    return error


def check_secret(intent: Obj, p: Params) -> Obj:
    """The intent; 400 if a wrong client secret is given."""
    given = p.text("client_secret")
    if given is not None and given != intent["client_secret"]:
        kind = intent["object"]
        message = f"The client_secret provided does not match the client_secret associated with this {_NAMES[kind]}."
        raise invalid(message, param="client_secret", code=f"{kind}_invalid_parameter")
    return intent
