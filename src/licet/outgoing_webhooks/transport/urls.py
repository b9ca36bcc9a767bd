"""Parses a webhook's URL strictly and once, so that the checked and the connected host cannot differ."""

import re
from dataclasses import dataclass

from licet.kit.hosts import Address, is_host_name, literal_address

MAX_WEBHOOK_URL_LENGTH = 2048

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?]*)(?P<path>[/?].*)?")
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


class RefusedTarget(Exception):
    """A webhook must not be sent to this URL. The text tells an operator what is wrong and what to do."""


@dataclass(frozen=True)
class Target:
    """A parsed URL. host: in lower case, without brackets; addresses in canonical form.

    path: with the query. address: the host, if it is an address and not a name.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def host_header(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Parse a URL. Raises RefusedTarget if it is ambiguous; the text never quotes path or query."""
    if len(url) > MAX_WEBHOOK_URL_LENGTH:
        raise RefusedTarget(f"The URL is longer than {MAX_WEBHOOK_URL_LENGTH} characters.")
    if not re.fullmatch(r"[!-~]*", url) or "\\" in url:
        raise RefusedTarget(
            "The URL contains a space, a backslash, a control character or a character outside ASCII. "
            "Write the host in its xn-- form and escape other characters as %XX."
        )
    match = _URL.fullmatch(url)
    scheme = match["scheme"].lower() if match else ""
    if not match or scheme not in _PORTS:
        raise RefusedTarget("The URL must begin with https://.")
    if "#" in url:
        raise RefusedTarget("The URL contains a fragment (#…), which is never sent. Remove it.")
    if "@" in match["authority"]:
        raise RefusedTarget("The URL contains a user or password. Remove them: the signature authenticates deliveries.")
    host, address, port = _host_and_port(match["authority"])
    path = match["path"] or "/"
    return Target(scheme, host, port or _PORTS[scheme], path if path.startswith("/") else f"/{path}", address)


def _host_and_port(authority: str) -> tuple[str, Address | None, int | None]:
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise RefusedTarget("The URL's host or port cannot be read.")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise RefusedTarget("The URL's port must lie between 1 and 65535.")
    host = (match["ipv6"] or match["host"] or "").lower()
    if match["host"]:
        host = host.removesuffix(".")
    address = literal_address(host)
    # Brackets are only for IPv6. A zone (%eth0) is meaningful on one machine only.
    readable = "%" not in host and (address is not None and address.version == 6) == (match["ipv6"] is not None)
    if not readable or (address is None and not is_host_name(host)):
        raise RefusedTarget("The URL needs a host: a name in ASCII, or an address.")
    return (host if address is None else str(address)), address, port
