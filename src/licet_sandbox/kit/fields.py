"""What several resources do the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

ADDRESS_KEYS = ("city", "country", "line1", "line2", "postal_code", "state")


def merge_metadata(obj: Obj, p: Params) -> None:
    """Keys that are given replace, an empty value removes its key, an empty string removes all."""
    if "metadata" not in p:
        return
    given = p.get("metadata")
    merged = {} if given == "" else {**obj["metadata"], **given}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}


def metadata_of(p: Params) -> dict[str, str]:
    """The metadata of a new object."""
    return {key: value for key, value in (p.get("metadata") or {}).items() if value != ""}


def address_of(given: dict[str, Any] | None) -> Obj | None:
    """An address with all of its keys; None for none."""
    return {key: (given.get(key) or None) for key in ADDRESS_KEYS} if given else None


def shipping_of(p: Params) -> Obj:
    """Where something is sent, and by whom; `name` and `address` are needed."""
    texts = {name: p.text(name) for name in ("carrier", "name", "phone", "tracking_number")}
    address = p.get("address")
    return texts | {"address": {key: address.get(key) or None for key in ADDRESS_KEYS}}


def currency_of(p: Params) -> str:
    """The needed parameter `currency`, in lower case."""
    currency: str = p.need("currency").lower()
    if len(currency) != 3 or not currency.isalpha():
        message = f"Invalid currency: {currency[:20]}. It must be a three-letter ISO code."
        raise invalid(message, param=p.name("currency"))
    return currency
