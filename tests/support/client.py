"""An HTTP client for tests."""

from typing import Any

import httpx
from tests.support.patience import PATIENCE_SECONDS


def open_client(**given: Any) -> httpx.AsyncClient:
    """A client that waits for a busy machine. Takes the arguments of `httpx.AsyncClient`.

    It checks no certificates: the tests' servers use HTTP, and loading the list of authorities takes time.
    """
    return httpx.AsyncClient(**{"timeout": PATIENCE_SECONDS, "verify": False} | given)
