"""Scopes and callers: pure rules about permissions."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

Scope: TypeAlias = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Each scope includes the ones before it."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller.

    key_id:     the API key of the request. None: a token of the identity provider.
    account_id: the account that the caller belongs to, the only one it can access. None: an operator, for any account.
    """

    key_id: UUID | None
    account_id: UUID | None
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """Unique name of this caller: `key:<id>`, or `oidc:<account id>` for all tokens of one subject."""
        return f"oidc:{self.account_id}" if self.key_id is None else f"key:{self.key_id}"

    @property
    def is_operator(self) -> bool:
        """True if this caller belongs to no account."""
        return self.account_id is None

    def may(self, scope: Scope) -> bool:
        """True if one of the caller's scopes is `scope` or includes it."""
        return any(sufficient in self.scopes for sufficient in SCOPES[SCOPES.index(scope) :])


def sort_scopes(scopes: list[Scope]) -> list[Scope]:
    """The scopes without duplicates, the smallest first."""
    return [scope for scope in SCOPES if scope in scopes]
