"""Where an outgoing webhook may go: to the public Internet over https, and where the operator allows it besides.

Checked as an endpoint is written down, so that its author is told; and again at each connection, which counts
(`connecting.py`). Source: contract, section 6; docs/decisions/webhooks-out.md.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from licet.kit.hosts import Address, literal_address
from licet.outgoing_webhooks.transport.dns import Resolve, resolve
from licet.outgoing_webhooks.transport.public_addresses import is_public, reached
from licet.outgoing_webhooks.transport.urls import RefusedTarget, Target, parse_url

__all__ = ["Allowed", "RefusedTarget", "Target", "check_target", "check_url", "find_addresses", "refuse_address"]

_SETTING = "LICET_WEBHOOKS_ALLOW_PRIVATE"
_LOOKED_UP_WITHIN_SECONDS = 5.0


@dataclass(frozen=True)
class Allowed:
    """What is allowed although it is not public. names: in lower case, exact; networks: single addresses too."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Allowed":
        """words: as the settings have checked them, each a host's name, an address or a network."""
        names: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for word in words:
            try:
                networks.append(ip_network(word))
            except ValueError:
                names.add(word.lower())
        return cls(frozenset(names), tuple(networks))

    def has(self, ip: Address) -> bool:
        """Whether whoever is reached by this address is allowed."""
        return any(reached(ip) in network for network in self.networks)


def refuse_address(ip: Address, allowed: Allowed) -> None:
    """Raises RefusedTarget unless it is public or allowed."""
    if not is_public(ip) and not allowed.has(ip):
        raise RefusedTarget(
            f"The host leads to {ip}, which is no address of the public Internet. "
            f"Where that is meant, {_SETTING} can name it."
        )


def check_url(url: str, allowed: Allowed) -> Target:
    """Where the URL leads, as far as itself can tell. Raises RefusedTarget. No I/O."""
    target = parse_url(url)
    named = target.host in allowed.names
    if target.scheme == "http" and not named and not (target.address and allowed.has(target.address)):
        raise RefusedTarget(
            f"Over http:// license keys could be read on the way: use https://, or name the host in {_SETTING}."
        )
    if target.address is not None:
        refuse_address(target.address, allowed)
    elif not named and (target.host == "localhost" or target.host.endswith(".localhost")):
        raise RefusedTarget(f"{target.host} is this machine. Where that is meant, {_SETTING} can name it.")
    return target


async def check_target(url: str, allowed: Allowed, *, look_up: Resolve = resolve) -> None:
    """`check_url`, and what the host's name stands for at the moment.

    Raises RefusedTarget. A name that cannot be looked up now passes, for it may come; nothing is sent there before it
    was checked again.
    """
    target = check_url(url, allowed)
    try:
        async with asyncio.timeout(_LOOKED_UP_WITHIN_SECONDS):
            await find_addresses(target.host, target.port, allowed, look_up)
    except OSError:  # Of which TimeoutError is one.
        return


async def find_addresses(host: str, port: int, allowed: Allowed, look_up: Resolve) -> Sequence[Address]:
    """The addresses to connect to, every one checked. host: as in a `Target` that `check_url` let pass.

    Raises RefusedTarget where even one is not allowed: which of them is tried is decided by nobody, and a name that
    stands for both a public and a private one is made to deceive. Raises OSError where it cannot be looked up.
    """
    literal = literal_address(host)
    found = [literal] if literal is not None else await look_up(host, port)
    if host not in allowed.names:
        for ip in found:
            refuse_address(ip, allowed)
    return found
