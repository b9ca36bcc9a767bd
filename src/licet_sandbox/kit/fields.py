"""Fields shared by several resources: metadata, addresses, emails, URLs, currencies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from licet_sandbox.errors import invalid

if TYPE_CHECKING:
    from licet_sandbox.kit.params import Params
    from licet_sandbox.spec.shapes import Obj

ADDRESS_KEYS = ("city", "country", "line1", "line2", "postal_code", "state")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MAX_EMAIL_LENGTH = 512


def merge_metadata(obj: Obj, p: Params) -> None:
    """Merge the given metadata: an empty value removes its key, an empty string removes all keys."""
    if "metadata" not in p:
        return
    given = p.get("metadata")
    merged = {} if given == "" else {**obj["metadata"], **given}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}


def metadata_of(p: Params) -> dict[str, str]:
    """The metadata of a new object."""
    return {key: value for key, value in (p.get("metadata") or {}).items() if value != ""}


def address_of(given: dict[str, Any] | None) -> Obj | None:
    """An address with all of its keys, or None."""
    return {key: (given.get(key) or None) for key in ADDRESS_KEYS} if given else None


def recipient_of(p: Params) -> Obj:
    """A recipient's name, address and phone; 400 without name or address."""
    if "address" not in p:
        raise p.missing("address")
    address = p.get("address")
    return {
        "address": {key: address.get(key) or None for key in ADDRESS_KEYS},
        "name": p.need("name"),
        "phone": p.text("phone"),
    }


def shipping_of(p: Params) -> Obj:
    """A recipient with carrier and tracking number."""
    return recipient_of(p) | {name: p.text(name) for name in ("carrier", "tracking_number")}


def web_address_of(p: Params, name: str, most: int = 5000) -> str | None:
    """An absolute http(s) URL of at most `most` characters; None if it is absent or cleared."""
    url = p.text(name)
    if url is None:
        return None
    if not url.lower().startswith(("http://", "https://")) or host_of(url) is None or len(url) > most:
        message = f"Not a valid URL: it must begin with http:// or https://, and have {most} characters at most."
        raise invalid(message, param=p.name(name), code="url_invalid")
    return url


def email_of(p: Params, name: str) -> str | None:
    """An email address; None if it is absent or cleared."""
    email = p.text(name)
    if email is not None and not is_email(email):
        raise invalid(f"Invalid email address: {email[:200]}", param=p.name(name), code="email_invalid")
    return email


def is_email(text: str) -> bool:
    """True if the text looks like an email address of at most 512 characters."""
    return len(text) <= _MAX_EMAIL_LENGTH and _EMAIL.fullmatch(text) is not None


def host_of(url: str) -> str | None:
    """The host of a URL; None if the URL is invalid or has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # An unclosed bracket, or a port above 65535.
        return None
    return None if port == 0 else parts.hostname


def currency_of(p: Params) -> str:
    """The required parameter `currency`, in lower case."""
    return currency_code(p.need("currency"), p.name("currency"))


def currency_code(text: str, param: str) -> str:
    """A currency code in lower case; 400 if it is invalid."""
    if len(text) != 3 or not (text.isascii() and text.isalpha()):
        raise invalid(f"Invalid currency: {text[:20]}. It must be a three-letter ISO code.", param=param)
    return text.lower()
