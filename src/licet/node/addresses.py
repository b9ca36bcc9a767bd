"""What a node tells the world when it is ready."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Addresses:
    """Where to find what runs, and the secrets that are shown once.

    operator_key: only when it was just made. database_url: only of the embedded server.
    sandbox_url, webhook_secret: only in sandbox mode.
    """

    url: str
    sandbox_url: str | None = None
    operator_key: str | None = None
    database_url: str | None = None
    webhook_secret: str | None = None

    def as_json(self) -> dict[str, str]:
        """The line of `licet up --json`: what there is not is left out."""
        named = {
            "url": self.url,
            "sandboxUrl": self.sandbox_url,
            "operatorKey": self.operator_key,
            "databaseUrl": self.database_url,
            "webhookSecret": self.webhook_secret,
        }
        return {name: value for name, value in named.items() if value is not None}


OnReady: TypeAlias = Callable[[Addresses], None]
"""Called once, when every address answers."""
