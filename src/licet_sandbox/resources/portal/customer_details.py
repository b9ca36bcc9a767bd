"""A customer changes their own details in the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid
from licet_sandbox.kit.fields import ADDRESS_KEYS
from licet_sandbox.kit.params import Params
from licet_sandbox.resources.customers import customers

if TYPE_CHECKING:
    from licet_sandbox.billing.portal.portal_sessions import Visit
    from licet_sandbox.state.tx import Tx

_TEXT_FIELDS = ("name", "email", "phone")
_MAX_LENGTH = 256


def update(tx: Tx, visit: Visit, form: dict[str, str]) -> None:
    """Save the fields that the configuration allows, and no others; 400 for an invalid one."""
    allowed = visit.feature("customer_update")["allowed_updates"]
    typed = {name: text.strip() for name, text in form.items()}
    given: dict[str, Any] = {name: typed[name] for name in _TEXT_FIELDS if name in allowed and name in typed}
    too_long = next((name for name, text in typed.items() if len(text) > _MAX_LENGTH), None)
    if too_long is not None:
        raise invalid(f"At most {_MAX_LENGTH} characters.", param=too_long)
    if "address" in allowed:
        given["address"] = _address(typed, "")
    if "shipping" in allowed:
        given["shipping"] = _shipping(typed)
    params = Params(given)
    customers.update(tx, params, visit.customer["id"])
    params.end()


def _shipping(typed: dict[str, str]) -> Any:
    """The parameter `shipping`; an empty string, which clears it, if all of its fields are empty."""
    name, address = typed.get("shipping_name", ""), _address(typed, "shipping_")
    if address == "" and not name:
        return ""
    if not name:
        raise invalid("Enter the recipient.", param="shipping_name")
    return {"name": name, "address": address or dict.fromkeys(ADDRESS_KEYS, "")}


def _address(typed: dict[str, str], prefix: str) -> Any:
    """The address, or an empty string if all of its fields are empty."""
    address = {key: typed.get(prefix + key, "") for key in ADDRESS_KEYS}
    country = address["country"] = address["country"].upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise invalid("Enter the country as two letters, such as DE.", param=f"{prefix}country")
    return address if any(address.values()) else ""
