"""Opens listening sockets, before anything else starts, so that a port in use is reported first."""

import errno
import ipaddress
import socket

from licet.startup_error import StartupError

_BACKLOG = 2048


def listen(host: str, port: int, *, option: str) -> socket.socket:
    """Opens a listening socket.

    port: 0 takes a free port. option: the command-line option that an error names.
    It listens immediately, because Linux lets two programs bind the same port as long as neither listens.
    Raises StartupError if the port is in use or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartupError(f"Cannot listen on the host {host!r}: {error.strerror}. Change LICET_HOST.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartupError(_bind_error(error, host, port, option)) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """The `http://` address of the socket for programs on this machine."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://{address}:{port}" if address.version == 4 else f"http://[{address}]:{port}"


def _bind_error(error: OSError, host: str, port: int, option: str) -> str:
    variable = f"LICET_{option.removeprefix('--').replace('-', '_').upper()}"
    advice = f"Choose another port with {option} or {variable} (0 takes a free port)."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is already in use by another program. {advice}"
    if error.errno == errno.EACCES:
        return f"This user may not listen on port {port}. {advice}"
    return f"Cannot listen on {host} port {port}: {error.strerror}. Change LICET_HOST, or: {advice}"
