"""Which hosts are this machine itself, and may be spoken to without TLS."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether the host, as it stands in a URL, is this machine: localhost, 127.0.0.0/8, [::1]."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
