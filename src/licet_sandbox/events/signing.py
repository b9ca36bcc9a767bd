"""Webhook secrets, and the signature that Stripe's SDK checks.

`Stripe-Signature: t=<unix>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`, keyed with the whole `whsec_…` text.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Signer:
    """Derives each endpoint's secret from one random seed, so that no secret stands in the sandbox's file."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._secrets: dict[str, str] = {}

    def secret(self, endpoint_id: str) -> str:
        """`whsec_` and 32 letters or digits, always the same for this endpoint."""
        if endpoint_id not in self._secrets:
            digest = hmac.digest(self._seed, endpoint_id.encode(), "sha256")
            self._secrets[endpoint_id] = "whsec_" + base64.b32encode(digest).decode()[:32].lower()
        return self._secrets[endpoint_id]

    def sign(self, endpoint_id: str, body: bytes) -> str:
        """The header for this body. `t` is wall time, because receivers compare it with theirs."""
        at = int(time.time())
        digest = hmac.digest(self.secret(endpoint_id).encode(), b"%d.%b" % (at, body), "sha256")
        return f"t={at},v1={digest.hex()}"


def load_signer(db_path: Path | None) -> Signer:
    """The signer of this sandbox: its seed stands beside the file (mode 0600), or in memory where there is none."""
    if db_path is None:
        return Signer(secrets.token_bytes(32))
    path = db_path.with_name(db_path.name + ".seed")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return Signer(path.read_bytes())
    with os.fdopen(descriptor, "wb") as file:
        seed = secrets.token_bytes(32)
        file.write(seed)
    return Signer(seed)
