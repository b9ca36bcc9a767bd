"""The rate limits that one request counts against, and the functions with which a route adds more."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from starlette.requests import HTTPConnection

from licet.errors import RateLimited
from licet.http.rate_limits.count import Count, unused_count
from licet.http.rate_limits.limiter import Limiter, digest, name_of_address
from licet.http.rate_limits.rules import UNLIMITED_PATHS, Rule, rule_for

if TYPE_CHECKING:
    from starlette.types import Scope

_IN_SCOPE = "licet.admission"

Kind: TypeAlias = Literal["", ":credentials", ":options"]
"""The kinds of requests that are counted by address: without a credential, with one, and OPTIONS."""


@dataclass
class Admission:
    """The rate limits of one request.

    address:    the name that its IP address is counted under
    credential: the hash of its credential; None if it has none or several
    identify:   the subject of its token, if the signature is valid and the key is known; else None
    counts:     the counts of the limits that apply to it; empty if none applies
    unverified: the name that it was counted under because its credential is not known to be valid yet, else None
    refused:    the error to respond with, if a limit is exceeded
    """

    limiter: Limiter
    rule: Rule
    address: str
    credential: bytes | None
    identify: Callable[[], str | None]
    counts: list[Count] = field(default_factory=list)
    unverified: str | None = None
    refused: RateLimited | None = None

    async def enter(self, kind: Kind) -> None:
        """Counts the request by its credential if that is known to be valid, else by its address.

        This runs before any query. Each kind of request without a valid credential has its own count, so that none uses
        up the limit of another. A valid token is recognised by its signature, so it never counts by address.
        """
        name = self.limiter.name_of(self.credential)
        if name is None and self.credential is not None:
            name = self._remember_subject()
        if name is None:
            self.unverified = f"{self.address}{kind}"
        try:
            await self.count("general" if name is None else self.rule, name or f"{self.address}{kind}")
        except RateLimited as error:
            self.refused = error

    async def count(self, rule: Rule, name: str) -> None:
        """Counts the request against one more limit. Raises RateLimited if that is exceeded."""
        count = await self.limiter.counter.add(self.limiter.limits[rule], name)
        self.counts.append(count)
        if count.over:
            raise count.as_error()

    async def count_by_caller(self, name: str) -> None:
        """Counts the request by its caller instead of its address, because its credential is valid.

        name: the caller's name. Raises RateLimited.
        """
        if self.unverified is None or self.credential is None:
            return
        await self.limiter.counter.add(self.limiter.limits["general"], self.unverified, -1)
        self.unverified = None
        self.counts.clear()
        known = self._remember_subject()
        if known is None:
            self.limiter.remember(self.credential, name)
        await self.count(self.rule, known or name)

    def _remember_subject(self) -> str | None:
        """The name that all tokens of the subject are counted under; None unless the signature is valid."""
        subject = self.identify()
        if subject is None or self.credential is None:
            return None
        name = f"subject:{digest(subject)}"
        self.limiter.remember(self.credential, name)
        return name

    @property
    def headers(self) -> dict[str, str]:
        """The response headers, for the limit with the fewest requests left."""
        nearest = min(
            self.counts, key=lambda count: count.remaining, default=unused_count(self.limiter.limits["general"])
        )
        return nearest.headers


def admit(scope: "Scope", limiter: Limiter, credential: bytes | None, identify: Callable[[], str | None]) -> Admission:
    """Creates the Admission of a request and stores it in the request's scope."""
    client = scope.get("client")
    address = name_of_address(client[0] if client else "unknown")
    admission = Admission(limiter, rule_for(scope["path"]), address, credential, identify)
    scope[_IN_SCOPE] = admission
    return admission


def admission_of(scope: "Scope") -> Admission | None:
    """The Admission of a request; None if rate limits are off."""
    return cast("Admission | None", scope.get(_IN_SCOPE))


def is_unlimited(scope: "Scope") -> bool:
    """True for the paths without limits."""
    return scope["path"] in UNLIMITED_PATHS and scope["method"] != "OPTIONS"


async def count_by_caller(request: HTTPConnection, name: str) -> None:
    """Counts a request by its authenticated caller. Raises RateLimited if the caller exceeds its limit.

    name: the caller's name. Until a process knows that a credential is valid, it counts by address, so that guessing
    credentials is limited.
    """
    if admission := admission_of(request.scope):
        await admission.count_by_caller(name)


async def limit(request: HTTPConnection, rule: Rule, *by: str, from_any_address: bool = False) -> None:
    """Counts a request against a limit of its route, before the route runs a query. Raises RateLimited.

    by: values to count by, such as the license key. Only their hash is stored.
    from_any_address: counts the requests from all addresses together, else those from each address.
    """
    if admission := admission_of(request.scope):
        await admission.count(rule, digest(*(() if from_any_address else (admission.address,)), *by))
