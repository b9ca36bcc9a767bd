"""Distinguishes public addresses from those of private networks and of the local machine.

It has its own table, because `ipaddress.is_global` depends on Python's patch release: 3.11.7 calls 192.0.0.192
(metadata service at Oracle) and 64:ff9b:1::/48 (translation into a private IPv4 network) global.
Source: IANA's special-purpose registries for IPv4 and IPv6, as of 2024-10; RFC 6890, RFC 8190.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from licet.kit.hosts import Address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; Linux treats 0.0.0.0 as the local machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; metadata service at Alibaba
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # in a public range, but Azure's metadata service, which has credentials
        "169.254.0.0/16",  # link-local; metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_PUBLIC_6 = IPv6Network("2000::/3")
"""Global unicast. Loopback, link-local, unique local and multicast addresses are outside of it."""

_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)

_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def effective_address(ip: Address) -> Address:
    """Return the IPv4 address that an IPv6 address is translated or tunnelled to, else the address.

    ::/96 and Teredo also contain an IPv4 address but need no unwrapping: they are not public at all.
    """
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _SIX_TO_FOUR:
        return IPv4Address((int(ip) >> 80) & 0xFFFFFFFF)
    if ip in _MAPPED or ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def is_public(ip: Address) -> bool:
    """Whether the address, after unwrapping, is globally reachable unicast."""
    ip = effective_address(ip)
    if isinstance(ip, IPv6Address):
        return ip in _PUBLIC_6 and not any(ip in network for network in _NOT_PUBLIC_6)
    return not any(ip in network for network in _NOT_PUBLIC_4)
