"""When two requests are the same one, and which answers are kept: pure. Source: contract, section 1."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

MAX_KEY_CHARACTERS = 255

KEPT_FOR = timedelta(hours=24)
"""From the first try on. Stripe forgets its own keys, which are made from ours, after as long."""

LEASE = timedelta(seconds=60)
"""For how long a try that says nothing is taken to be under way: far beyond what a checkout may take of Stripe's time,
and how long a caller waits at most after this process was killed."""

_NOT_KEPT = (401, 403, 408, 429)
"""Said of the caller or of this moment, not of what was asked: another key, or a little later, it is another answer."""


@dataclass(frozen=True)
class Request:
    """A request that came with a key.

    caller:     as `accounts.core.Caller.name`.
    acting_for: the account; None where there is none.
    body:       the JSON value, so that spaces and the order of names make no difference.
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
        """What its answer is found by: the key with all that it is scoped to."""
        scope = [self.caller, str(self.acting_for), self.method, self.path, self.key]
        return hashlib.sha256(json.dumps(scope).encode()).digest()

    @property
    def fingerprint(self) -> bytes:
        """What must be the same the next time. Keyed, for of a short body a plain hash could be guessed."""
        asked = json.dumps([self.query, self.body], sort_keys=True)
        return hmac.digest(self.key.encode(), asked.encode(), "sha256")


def is_kept(status: int) -> bool:
    """Whether an answer with this status is given again; else the request is tried anew."""
    return status < 500 and status not in _NOT_KEPT
