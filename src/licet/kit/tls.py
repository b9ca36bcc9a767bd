"""The certificate authorities that Licet trusts when it sends requests."""

import ssl
from functools import cache

import httpcore


@cache
def trusted_authorities() -> ssl.SSLContext:
    """The system's list and Mozilla's. Reading them takes tens of milliseconds, so it is done once."""
    return httpcore.default_ssl_context()
