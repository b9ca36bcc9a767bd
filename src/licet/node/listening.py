"""Sockets that are bound before anything else starts, so that a taken port is the first thing said."""

import errno
import ipaddress
import socket

from licet.startup_error import StartupError

_BACKLOG = 2048


def listen(host: str, port: int, *, option: str) -> socket.socket:
    """A listening socket; port 0 takes a free one. `option` is what the message tells the operator to change.

    It listens at once: Linux lets two programs bind one port as long as neither listens.
    Raises StartupError where the port is taken or the host is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartupError(f"{host!r} is no address to listen on: {error.strerror}. Change LICET_HOST.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartupError(_reason(error, host, port, option)) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """The `http://` address under which a program on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://{address}:{port}" if address.version == 4 else f"http://[{address}]:{port}"


def _reason(error: OSError, host: str, port: int, option: str) -> str:
    variable = f"LICET_{option.removeprefix('--').replace('-', '_').upper()}"
    choose = f"Choose another with {option} or {variable} (0 takes a free one)."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is already taken by another program. {choose}"
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. {choose}"
    return f"Cannot listen on {host} port {port}: {error.strerror}. Change LICET_HOST, or choose another port. {choose}"
