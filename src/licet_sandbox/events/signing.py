"""Webhook secrets, and the signature that Stripe's SDK checks.

`Stripe-Signature: t=<unix>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`, keyed with the whole `whsec_…` secret.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import time
from typing import TYPE_CHECKING

from licet_sandbox.state.versions import FileRefused

if TYPE_CHECKING:
    from pathlib import Path

_SEED_BYTES = 32


class SeedDamaged(FileRefused):
    """Raised if the seed is damaged. The webhook secrets are then lost."""


class Signer:
    """Derives each endpoint's secret from a random seed, so that the sandbox's file holds no secret."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._secrets: dict[str, str] = {}

    def secret(self, endpoint_id: str) -> str:
        """The secret of this endpoint, always the same: `whsec_` and 32 letters or digits."""
        if endpoint_id not in self._secrets:
            digest = hmac.digest(self._seed, endpoint_id.encode(), "sha256")
            self._secrets[endpoint_id] = "whsec_" + base64.b32encode(digest).decode()[:32].lower()
        return self._secrets[endpoint_id]

    def sign(self, endpoint_id: str, body: bytes) -> str:
        """The signature header of this body. `t` is wall time, because receivers compare it with their clock."""
        at = int(time.time())
        digest = hmac.digest(self.secret(endpoint_id).encode(), b"%d.%b" % (at, body), "sha256")
        return f"t={at},v1={digest.hex()}"


def load_signer(db_path: Path | None) -> Signer:
    """The signer of this sandbox.

    Its seed is in a file beside the database (mode 0600), or in memory if there is no file.
    """
    if db_path is None:
        return Signer(secrets.token_bytes(_SEED_BYTES))
    path = db_path.with_name(db_path.name + ".seed")
    if not path.exists():
        _write_seed(path)
    seed = path.read_bytes()
    if len(seed) != _SEED_BYTES:
        raise SeedDamaged(f"{path.name} beside it is damaged. Remove it, then create its webhook endpoints again.")
    return Signer(seed)


def _write_seed(path: Path) -> None:
    """Writes the seed completely or not at all.

    A process that is killed meanwhile must not leave a partial seed, which could be guessed.
    """
    unfinished = path.with_name(path.name + ".new")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_SEED_BYTES))
        file.flush()
        os.fsync(descriptor)
    unfinished.replace(path)
