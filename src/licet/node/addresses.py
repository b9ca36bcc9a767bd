"""The addresses and one-time secrets that a node prints when it is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Addresses:
    """Addresses of the running parts, and secrets that are shown once.

    operator_key: only if it was made at this start. database_url: only of the embedded server.
    sandbox_url, webhook_secret: only in sandbox mode.
    """

    url: str
    sandbox_url: str | None = None
    operator_key: str | None = None
    database_url: str | None = None
    webhook_secret: str | None = None

    def as_json(self) -> dict[str, str]:
        """The line that `licet up --json` prints. Missing values are left out."""
        values = {
            "url": self.url,
            "sandboxUrl": self.sandbox_url,
            "operatorKey": self.operator_key,
            "databaseUrl": self.database_url,
            "webhookSecret": self.webhook_secret,
        }
        return {name: value for name, value in values.items() if value is not None}


OnReady: TypeAlias = Callable[[Addresses], None]
"""Called once, when all addresses respond."""
