"""Parses hosts: names, and IP addresses in any form that operating systems accept."""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def literal_address(host: str) -> Address | None:
    """The IP address in `host`, written without brackets; None if `host` is a name.

    IPv4 is also parsed as `inet_aton` and resolvers do: 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # `inet_aton` stops at the first space, so a host with a space in it would be accepted.
        return None if not host.isascii() or any(map(str.isspace, host)) else IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_host_name(text: str) -> bool:
    """Whether `text` is an ASCII host name without a trailing dot.

    A name whose last label is a number is not one. Underscores are accepted: names within container networks have them.
    Source: RFC 1123; WHATWG URL, "ends in a number".
    """
    labels = text.split(".")
    return (
        len(text) <= 253
        and all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )
