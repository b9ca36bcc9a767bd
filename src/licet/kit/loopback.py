"""Recognises loopback hosts, for which connections without TLS are allowed."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether the host, written as in a URL, is this machine: localhost, 127.0.0.0/8, [::1]."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
