"""Where a buyer may be sent: the rule for every URL that a caller gives. Pure.

1. https; http for hosts of this machine alone.
2. No user information, backslash, blank or control character: what one reader takes for the host, another must too.
3. The host in ASCII (an international name in its xn-- form), with a port that is one.
4. Where LICET_REDIRECT_HOSTS is set, one of its hosts; with a live Stripe key it must be set.

`{CHECKOUT_SESSION_ID}` may stand anywhere after the host. Source: contract, section 2; WHATWG URL, "host parsing".
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from licet.errors import Unprocessable
from licet.kit.loopback import is_loopback

MAX_REDIRECT_URL_LENGTH = 5000
"""Stripe's own limit."""

_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")


class InvalidRedirectUrl(Unprocessable):
    """A URL that buyers are not sent to; `details.field` says which."""

    code = "invalid_redirect_url"


def check_redirect(field: str, url: str, hosts: Sequence[str], *, live: bool) -> None:
    """Let the URL pass, or raise InvalidRedirectUrl.

    field: its name in the request. hosts: LICET_REDIRECT_HOSTS, in lower case, `host` or `host:port`; empty is any.
    """
    fault = find_fault(url, hosts, live=live)
    if fault is not None:
        raise InvalidRedirectUrl(f"{field} {fault}.", details={"field": field})


def find_fault(url: str, hosts: Sequence[str], *, live: bool) -> str | None:
    """What is wrong with it first of all, in words that follow its name; None when nothing is."""
    return next(_faults(url, hosts, live=live), None)


def _faults(url: str, hosts: Sequence[str], *, live: bool) -> Iterator[str]:
    if not url or len(url) > MAX_REDIRECT_URL_LENGTH:
        yield f"must be a URL of at most {MAX_REDIRECT_URL_LENGTH} characters"
    if "\\" in url or any(char.isspace() or not char.isprintable() for char in url):
        yield "must hold no backslash, blank or control character"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "is no URL"
        return
    scheme, host = parts.scheme.lower(), _host(parts.netloc)
    if scheme not in ("https", "http") or not url[len(scheme) :].startswith("://"):
        yield "must begin with https://"
    if "@" in parts.netloc:
        yield "must name no user"
    if not _HOST.fullmatch(host) or parts.netloc.endswith(":") or port == 0:
        yield "must name a host, in ASCII"
    if scheme == "http" and not is_loopback(host):
        yield "must begin with https:// (http:// is for this machine's own hosts)"
    if live and not hosts:
        yield "cannot be used: with a live Stripe key the operator must set LICET_REDIRECT_HOSTS"
    if hosts and host not in hosts and f"{host}:{port}" not in hosts:
        yield f"must be on one of the hosts that LICET_REDIRECT_HOSTS lists, and {host} is not"


def _host(netloc: str) -> str:
    # Not urlsplit's own `hostname`: that one drops what stands before an @ and the brackets of an address.
    return re.sub(r":\d*$", "", netloc).lower()
