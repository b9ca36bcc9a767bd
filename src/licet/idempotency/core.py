"""Pure rules: when two requests are the same, and which responses are stored.

Source: contract, section 1.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

MAX_KEY_CHARACTERS = 255

RESPONSE_RETENTION = timedelta(hours=24)
"""Counted from the first attempt. Stripe keeps idempotency keys, which Licet derives from these, for the same time."""

ATTEMPT_LEASE = timedelta(seconds=60)
"""How long an attempt that has not ended counts as running. It is much longer than the calls to Stripe of a checkout
may take, and is the longest that a caller must wait after a process was killed."""

_NOT_STORED = (401, 403, 408, 429)
"""These depend on the caller or the moment, not on the request, so a later attempt can get another response."""


@dataclass(frozen=True)
class KeyedRequest:
    """A request with an `Idempotency-Key`.

    caller:     the name of the caller (`accounts.core.Caller.name`).
    acting_for: the account that the request changes, or None.
    body:       the parsed JSON, so that spaces and the order of names make no difference.
    """

    key: str
    caller: str
    acting_for: UUID | None
    method: str
    path: str
    query: str
    body: Any

    @property
    def hash(self) -> bytes:
        """The hash that its response is found by: of the key and everything that the key is scoped to."""
        scope = [self.caller, str(self.acting_for), self.method, self.path, self.key]
        return hashlib.sha256(json.dumps(scope).encode()).digest()

    @property
    def fingerprint(self) -> bytes:
        """A hash of what must be the same at each attempt.

        It is keyed, because a short body could be guessed.
        """
        content = json.dumps([self.query, self.body], sort_keys=True)
        return hmac.digest(self.key.encode(), content.encode(), "sha256")


def is_stored(status: int) -> bool:
    """True if a response with this status is stored, False if a repeated request is attempted again."""
    return status < 500 and status not in _NOT_STORED
