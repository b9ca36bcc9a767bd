"""Scopes and callers: pure rules about who may do what."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

Scope: TypeAlias = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""Each holds those before it."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from.

    key_id:     the API key that came along; None: a token of the identity provider.
    account_id: the one account that it is for and sees; None: an operator, who may act for any.
    """

    key_id: UUID | None
    account_id: UUID | None
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """What tells this caller from every other: `key:<id>`, or `oidc:<account id>`, whatever token comes next."""
        return f"oidc:{self.account_id}" if self.key_id is None else f"key:{self.key_id}"

    @property
    def is_operator(self) -> bool:
        """Whether this caller belongs to no account."""
        return self.account_id is None

    def may(self, scope: Scope) -> bool:
        """Whether one of the caller's scopes is `scope`, or holds it."""
        return any(holding in self.scopes for holding in SCOPES[SCOPES.index(scope) :])


def in_order(scopes: list[Scope]) -> list[Scope]:
    """Each scope once, the smallest first."""
    return [scope for scope in SCOPES if scope in scopes]
