"""Checks webhook targets: the public Internet over https, and what the operator allows.

The check runs when an endpoint is created or changed, to report the error early, and again at each connection
(`connections.py`), which is the check that protects. Source: contract, section 6; docs/decisions/outgoing-webhooks.md.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from licet.kit.hosts import Address, literal_address
from licet.outgoing_webhooks.transport.dns import Resolve, resolve
from licet.outgoing_webhooks.transport.public_addresses import effective_address, is_public
from licet.outgoing_webhooks.transport.urls import RefusedTarget, Target, parse_url

__all__ = ["AllowedTargets", "RefusedTarget", "Target", "check_target", "check_url", "find_addresses", "refuse_address"]

_SETTING = "LICET_WEBHOOKS_ALLOW_PRIVATE"
_LOOKUP_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class AllowedTargets:
    """Allowed non-public targets. names: exact, lower case. networks: including single addresses."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> "AllowedTargets":
        """Parse entries that the settings have validated: host names, addresses and networks."""
        names: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in entries:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                names.add(entry.lower())
        return cls(frozenset(names), tuple(networks))

    def allows(self, ip: Address) -> bool:
        """Whether the address, after unwrapping, is in an allowed network."""
        return any(effective_address(ip) in network for network in self.networks)


def refuse_address(ip: Address, allowed: AllowedTargets) -> None:
    """Raise RefusedTarget unless the address is public or allowed."""
    if not is_public(ip) and not allowed.allows(ip):
        raise RefusedTarget(
            f"The host resolves to {ip}, which is not a public address. "
            f"If this is intended, add the host or address to {_SETTING}."
        )


def check_url(url: str, allowed: AllowedTargets) -> Target:
    """Parse and check a URL without looking its host up. Raises RefusedTarget."""
    target = parse_url(url)
    named = target.host in allowed.names
    if target.scheme == "http" and not named and not (target.address and allowed.allows(target.address)):
        raise RefusedTarget(
            f"http:// would expose license keys in transit. Use https://, or add the host to {_SETTING}."
        )
    if target.address is not None:
        refuse_address(target.address, allowed)
    elif not named and (target.host == "localhost" or target.host.endswith(".localhost")):
        raise RefusedTarget(f"{target.host} is the local machine. If this is intended, add it to {_SETTING}.")
    return target


async def check_target(url: str, allowed: AllowedTargets, *, look_up: Resolve = resolve) -> None:
    """Check a URL and the addresses that its host currently resolves to. Raises RefusedTarget.

    A name that cannot be resolved passes, because it may be registered later. It is checked again before each attempt.
    """
    target = check_url(url, allowed)
    try:
        async with asyncio.timeout(_LOOKUP_TIMEOUT_SECONDS):
            await find_addresses(target.host, target.port, allowed, look_up)
    except OSError:  # Includes TimeoutError.
        return


async def find_addresses(host: str, port: int, allowed: AllowedTargets, look_up: Resolve) -> Sequence[Address]:
    """Return the addresses to connect to, all checked. host: of a `Target` that passed `check_url`.

    Raises RefusedTarget if a single address is not allowed: a name with public and private addresses is an attempt to
    reach the private one. Raises OSError if the name cannot be resolved.
    """
    literal = literal_address(host)
    addresses = [literal] if literal is not None else await look_up(host, port)
    if host not in allowed.names:
        for ip in addresses:
            refuse_address(ip, allowed)
    return addresses
