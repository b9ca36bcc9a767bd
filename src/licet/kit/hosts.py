"""What may stand where a host is named: a name, or an address in any of the forms that operating systems understand."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def literal_address(host: str) -> Address | None:
    """The address that `host` is, without brackets; None for what would have to be looked up.

    IPv4 also as `inet_aton` reads it, as resolvers do: 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # It reads on to the first space, so that a host with one in it would pass.
        return None if not host.isascii() or any(map(str.isspace, host)) else IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_host_name(text: str) -> bool:
    """Whether it is a name in ASCII, without the dot at its end. One that ends in a number is none: no such domain is.

    Underscores are let through: names within a network of containers have them. Source: RFC 1123; WHATWG URL, "ends in
    a number".
    """
    labels = text.split(".")
    return (
        len(text) <= 253
        and all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )
