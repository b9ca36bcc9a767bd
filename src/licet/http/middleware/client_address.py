"""Who is calling, by address: the peer's own, or what a trusted proxy says of it."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

HEADER = "X-Forwarded-For"


class ClientAddress:
    """Puts the caller's address into `scope["client"]`, for the log and whatever counts by address.

    Each proxy adds the peer it saw to the right of `X-Forwarded-For`, so what stands left of the first hop that is not
    trusted was written by somebody we do not know. Neither host nor scheme are taken from a proxy: our own links come
    from LICET_PUBLIC_URL. uvicorn has such a middleware, which takes any text for an address and the scheme too.
    """

    def __init__(self, app: "ASGIApp", trusted: Iterable[str]) -> None:
        self.app = app
        self.trusted = [ip_network(network) for network in trusted]

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serves one request under the address of whoever sent it."""
        if scope["type"] == "http" and self.trusted and scope.get("client"):
            forwarded = ",".join(Headers(scope=scope).getlist(HEADER))
            scope = {**scope, "client": (client_address(scope["client"][0], forwarded, self.trusted), 0)}
        await self.app(scope, receive, send)


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The hop nearest to us that is not trusted; where all are, the farthest.

    What is no address ends the search: the hop that passed it on answers for it.
    """
    found = _parse(peer)
    if found is None:
        return peer
    for hop in reversed(forwarded.split(",")):
        if not any(found in network for network in trusted):
            break
        before = _parse(hop.strip())
        if before is None:
            break
        found = before
    return str(found)


def _parse(text: str) -> Address | None:
    """An address, also with a port behind it, and IPv4 in IPv6's clothes as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # A zone (fe80::1%eth0) is the proxy's own name for one of its cards.
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
