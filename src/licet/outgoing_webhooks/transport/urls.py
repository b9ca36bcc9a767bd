"""Where a webhook's URL leads, read once and strictly: what is checked and what is connected to cannot differ."""

import re
from dataclasses import dataclass

from licet.kit.hosts import Address, is_host_name, literal_address

MAX_LENGTH = 2048

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?]*)(?P<path>[/?].*)?")
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


class RefusedTarget(Exception):
    """A webhook may not go there. The text is for an operator: what is wrong, and what would help."""


@dataclass(frozen=True)
class Target:
    """host: in lower case, without brackets, an address in its usual form; path: with the query, as it is asked for.

    address: what the host is where it is no name.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def host_header(self) -> str:
        """What a `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Where it leads. Raises RefusedTarget for all that could be read in two ways, never quoting path or query."""
    if len(url) > MAX_LENGTH:
        raise RefusedTarget(f"The URL is longer than {MAX_LENGTH} characters.")
    if not re.fullmatch(r"[!-~]*", url) or "\\" in url:
        raise RefusedTarget(
            "The URL has a space, a backslash, a control character or one that is not ASCII in it: "
            "a host is written in ASCII (xn--…), other characters as %XX."
        )
    found = _URL.fullmatch(url)
    scheme = found["scheme"].lower() if found else ""
    if not found or scheme not in _PORTS:
        raise RefusedTarget("The URL must begin with https://.")
    if "#" in url:
        raise RefusedTarget("The URL has a fragment (#…) in it, which is never sent: leave it out.")
    if "@" in found["authority"]:
        raise RefusedTarget("The URL has a user or password in it: leave them out, the signature says who sends.")
    host, address, port = _host_and_port(found["authority"])
    path = found["path"] or "/"
    return Target(scheme, host, port or _PORTS[scheme], path if path.startswith("/") else f"/{path}", address)


def _host_and_port(authority: str) -> tuple[str, Address | None, int | None]:
    found = _AUTHORITY.fullmatch(authority)
    if not found:
        raise RefusedTarget("The URL's host or port cannot be read.")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise RefusedTarget("The URL's port must lie between 1 and 65535.")
    host = (found["ipv6"] or found["host"] or "").lower()
    if found["host"]:
        host = host.removesuffix(".")
    address = literal_address(host)
    # Brackets are for IPv6 alone; a zone (%eth0) means something to one machine only.
    readable = "%" not in host and (address is not None and address.version == 6) == (found["ipv6"] is not None)
    if not readable or (address is None and not is_host_name(host)):
        raise RefusedTarget("The URL needs a host: a name in ASCII, or an address.")
    return (host if address is None else str(address)), address, port
