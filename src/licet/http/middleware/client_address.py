"""Middleware that sets the client's IP address: the peer's, or the one that a trusted proxy reports."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

FORWARDED_FOR_HEADER = "X-Forwarded-For"


class ClientAddress:
    """Puts the client's address into `scope["client"]`, for the log and the rate limits.

    Each proxy appends the address of its peer to `X-Forwarded-For`, so every entry to the left of the first hop that is
    not trusted can be forged. Host and scheme are not taken from a proxy: links use LICET_PUBLIC_URL.
    uvicorn's middleware for this is not used, because it accepts any text as an address, and the scheme too.
    """

    def __init__(self, app: "ASGIApp", trusted: Iterable[str]) -> None:
        self.app = app
        self.trusted = [ip_network(network) for network in trusted]

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles one request with the client's address in its scope."""
        if scope["type"] == "http" and self.trusted and scope.get("client"):
            forwarded = ",".join(Headers(scope=scope).getlist(FORWARDED_FOR_HEADER))
            scope = {**scope, "client": (client_address(scope["client"][0], forwarded, self.trusted), 0)}
        await self.app(scope, receive, send)


def client_address(peer: str, forwarded: str, trusted: Sequence[IpNetwork]) -> str:
    """The nearest hop that is not trusted; if all are trusted, the farthest.

    The search ends at an entry that is not an IP address, with the hop that reported it.
    """
    client = _parse(peer)
    if client is None:
        return peer
    for hop in reversed(forwarded.split(",")):
        if not any(client in network for network in trusted):
            break
        previous = _parse(hop.strip())
        if previous is None:
            break
        client = previous
    return str(client)


def _parse(text: str) -> IpAddress | None:
    """An IP address, also of text with a port. An IPv4-mapped IPv6 address is returned as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # A zone (fe80::1%eth0) names a network interface of the proxy.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
