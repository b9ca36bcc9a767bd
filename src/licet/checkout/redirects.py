"""Checks the URLs in requests to which buyers are redirected. Pure.

1. https; http only for hosts of the local machine.
2. No user information, backslash, blank or control character, because parsers disagree about the host of such URLs.
3. A host in ASCII (international names in their xn-- form) and a valid port.
4. If LICET_REDIRECT_HOSTS is set, one of its hosts. With a live Stripe key it must be set.

`{CHECKOUT_SESSION_ID}` is allowed anywhere after the host. Source: contract, section 2; WHATWG URL, "host parsing".
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from licet.errors import Unprocessable
from licet.kit.loopback import is_loopback

MAX_REDIRECT_URL_LENGTH = 5000
"""Stripe's limit."""

_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")


class InvalidRedirectUrl(Unprocessable):
    """A URL to which buyers must not be redirected. `details.field` names its field."""

    code = "invalid_redirect_url"


def check_redirect(field: str, url: str, hosts: Sequence[str], *, live: bool) -> None:
    """Raise InvalidRedirectUrl unless the URL is allowed.

    field: its name in the request. hosts: LICET_REDIRECT_HOSTS, in lower case, `host` or `host:port`; empty: any host.
    """
    fault = find_fault(url, hosts, live=live)
    if fault is not None:
        raise InvalidRedirectUrl(f"{field} {fault}.", details={"field": field})


def find_fault(url: str, hosts: Sequence[str], *, live: bool) -> str | None:
    """Return the first fault, as a phrase that follows the field's name. None if the URL is allowed."""
    return next(_faults(url, hosts, live=live), None)


def _faults(url: str, hosts: Sequence[str], *, live: bool) -> Iterator[str]:
    if not url or len(url) > MAX_REDIRECT_URL_LENGTH:
        yield f"must be a URL of at most {MAX_REDIRECT_URL_LENGTH} characters"
    if "\\" in url or any(char.isspace() or not char.isprintable() for char in url):
        yield "must not contain a backslash, blank or control character"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "is not a URL"
        return
    scheme, host = parts.scheme.lower(), _host(parts.netloc)
    if scheme not in ("https", "http") or not url[len(scheme) :].startswith("://"):
        yield "must begin with https://"
    if "@" in parts.netloc:
        yield "must not contain a user or password"
    if not _HOST.fullmatch(host) or parts.netloc.endswith(":") or port == 0:
        yield "must have a host in ASCII and a valid port"
    if scheme == "http" and not is_loopback(host):
        yield "must begin with https:// (http:// is allowed for local hosts only)"
    if live and not hosts:
        yield "cannot be used: with a live Stripe key the operator must set LICET_REDIRECT_HOSTS"
    if hosts and host not in hosts and f"{host}:{port}" not in hosts:
        yield f"must be on one of the hosts that LICET_REDIRECT_HOSTS lists, and {host} is not"


def _host(netloc: str) -> str:
    # Not urlsplit's `hostname`, which drops user information and the brackets of an address.
    return re.sub(r":\d*$", "", netloc).lower()
