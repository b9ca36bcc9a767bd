"""What payment intents and setup intents take alike: the card, the customer, the kinds of cards, the way back."""

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
_APP_S = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\[\]\s]*")
_RUN_BY_BROWSERS = ("javascript:", "data:", "vbscript:")
_TYPES = ("allowed_payment_method_types", "excluded_payment_method_types")


def automatic_methods(p: Params) -> Obj | None:
    """`automatic_payment_methods`, which are on unless switched off."""
    given = p.sub("automatic_payment_methods")
    return {"enabled": given.get("enabled", True), "allow_redirects": given.get("allow_redirects", "always")}


def method_types(p: Params) -> Obj:
    """The kinds of payment methods that are wanted and not wanted; cards, the only ones here, must be among them."""
    fields = {name: p.get(name) or None for name in _TYPES if name in p}
    allowed, excluded = (fields.get(name) for name in _TYPES)
    if allowed is not None and "card" not in allowed:
        raise unsupported("payment methods other than `card`", param=_TYPES[0])
    if excluded is not None and "card" in excluded:
        raise unsupported("payment methods other than `card`", param=_TYPES[1])
    return fields


def card_options(p: Params, *others: str) -> Obj:
    """What is asked of cards: when 3-D Secure is wanted. others: options that stay empty."""
    card = p.sub("payment_method_options").sub("card")
    if "request_three_d_secure" not in card:
        return {}
    wanted = {**dict.fromkeys(others), "request_three_d_secure": card.get("request_three_d_secure")}
    return {"payment_method_options": {"card": wanted}}


def choose_customer(tx: Tx, intent: Obj, p: Params) -> None:
    """The customer, who can be named later, but never changed."""
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
    """The card, by id or by token: nobody's, or the intent's customer's. An empty string takes it away again."""
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


def check_still_theirs(tx: Tx, intent: Obj) -> None:
    """A customer that is named later must be the one whose card was chosen earlier."""
    method = tx.find(intent["payment_method"]) if intent["payment_method"] is not None else None
    if method is not None and method["customer"] not in (None, intent["customer"]):
        raise invalid(f"The {_NAMES[intent['object']]}'s PaymentMethod belongs to another Customer.", param="customer")


def needed_method(tx: Tx, intent: Obj) -> Obj:
    """The card to confirm with, or 400."""
    if intent["payment_method"] is None:
        message = f"You cannot confirm this {_NAMES[intent['object']]} because it's missing a payment method."
        raise unexpected(intent, message)
    return tx.get("payment_method", intent["payment_method"])


def read_return(intent: Obj, p: Params) -> None:
    """Where the customer comes back to after 3-D Secure; Stripe's own scripts need no way back."""
    return_url, scripted = p.text("return_url"), p.get("use_stripe_sdk", False)
    if return_url is not None and not _is_address(return_url):
        raise invalid(
            "Not a valid URL: it must begin with a scheme, such as https://.", param="return_url", code="url_invalid"
        )
    set_return_url(intent, None if scripted else return_url)


def _is_address(url: str) -> bool:
    """A page's, or one of the schemes that apps on telephones have; none that a browser would run."""
    if url.lower().startswith(("http://", "https://")):
        return host_of(url) is not None
    return _APP_S.fullmatch(url) is not None and not url.lower().startswith(_RUN_BY_BROWSERS)


def only_when_confirmed(p: Params, *names: str) -> None:
    """400 for parameters that say something only together with `confirm=true`."""
    for name in names:
        if name in p:
            raise invalid(f"`{name}` can only be given with `confirm=true`.", param=name)


def check_status(intent: Obj, doing: str, *refused: str) -> None:
    """400 where an intent of this status can no more be dealt with so."""
    if intent["status"] in refused:
        name = _NAMES[intent["object"]]
        message = f"You cannot {doing} this {name} because it has a status of {intent['status']}."
        raise unexpected(intent, message)


def unexpected(intent: Obj, message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    """The 400 of a wrong moment (or of this code), which carries the intent as Stripe's does."""
    kind = intent["object"]
    error = invalid(message, param=param, code=code or f"{kind}_unexpected_state")
    error.error[kind] = copy.deepcopy(public(intent))
    return error


def check_secret(intent: Obj, p: Params) -> Obj:
    """The intent, unless a client secret is given that is not its own."""
    given = p.text("client_secret")
    if given is not None and given != intent["client_secret"]:
        kind = intent["object"]
        message = f"The client_secret provided does not match the client_secret associated with this {_NAMES[kind]}."
        raise invalid(message, param="client_secret", code=f"{kind}_invalid_parameter")
    return intent
