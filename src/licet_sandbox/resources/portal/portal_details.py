"""What a customer may change about themselves in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import ADDRESS_KEYS
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.customers import customers

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.state.tx import Tx

_TEXTS = ("name", "email", "phone")
_LONGEST = 256


def update(tx: Tx, visit: Visit, form: dict[str, str]) -> None:
    """Take over what the configuration allows, and nothing else; 400 for what cannot be."""
    allowed = visit.feature("customer_update")["allowed_updates"]
    typed = {name: text.strip() for name, text in form.items()}
    given: dict[str, Any] = {name: typed[name] for name in _TEXTS if name in allowed and name in typed}
    if any(len(text) > _LONGEST for text in typed.values()):
        raise invalid(f"At most {_LONGEST} characters.", param=next(k for k, v in typed.items() if len(v) > _LONGEST))
    if "address" in allowed:
        given["address"] = _address(typed, "")
    if "shipping" in allowed:
        given["shipping"] = _shipping(typed)
    params = Params(given)
    customers.update(tx, params, visit.customer["id"])
    params.end()


def _shipping(typed: dict[str, str]) -> Any:
    """Where something is sent; an empty text, which clears it, where nobody is named."""
    name, address = typed.get("shipping_name", ""), _address(typed, "shipping_")
    if address == "" and not name:
        return ""
    if not name:
        raise invalid("Say to whom.", param="shipping_name")
    return {"name": name, "address": address or dict.fromkeys(ADDRESS_KEYS, "")}


def _address(typed: dict[str, str], prefix: str) -> Any:
    """An address, or an empty text where none of it was typed."""
    address = {key: typed.get(prefix + key, "") for key in ADDRESS_KEYS}
    country = address["country"] = address["country"].upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise invalid("The country is two letters, such as DE.", param=f"{prefix}country")
    return address if any(address.values()) else ""
