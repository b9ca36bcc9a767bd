"""The rate limits that one request counts against, and the functions with which a route adds more."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from licet.errors import RateLimited
from licet.http.rate_limits.count import Count, unused_count
from licet.http.rate_limits.limiter import Limiter, digest, name_of_address
from licet.http.rate_limits.rules import UNLIMITED_PATHS, Rule, rule_for

if TYPE_CHECKING:
    from starlette.types import Scope

_IN_SCOPE = "licet.admission"


@dataclass
class Admission:
    """The rate limits of one request.

    address:    the name that its IP address is counted under
    credential: the hash of its credential; None if it has none or several
    counts:     the counts of the limits that apply to it; empty if none applies
    by_address: whether it was counted by its address, because its credential is not known yet
    refused:    the error to respond with, if a limit is exceeded
    """

    limiter: Limiter
    rule: Rule
    address: str
    credential: bytes | None
    counts: list[Count] = field(default_factory=list)
    by_address: bool = False
    refused: RateLimited | None = None

    async def enter(self) -> None:
        """Counts the request by its credential if that is known to be valid, else by its address.

        This runs before any query.
        """
        name = self.limiter.name_of(self.credential)
        self.by_address = name is None
        rule: Rule = "general" if name is None else self.rule
        try:
            await self.count(rule, name or self.address)
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
        if not self.by_address or self.credential is None:
            return
        self.by_address = False
        self.limiter.remember(self.credential, name)
        await self.limiter.counter.add(self.limiter.limits["general"], self.address, -1)
        self.counts.clear()
        await self.count(self.rule, name)

    @property
    def headers(self) -> dict[str, str]:
        """The response headers, for the limit with the fewest requests left."""
        nearest = min(
            self.counts, key=lambda count: count.remaining, default=unused_count(self.limiter.limits["general"])
        )
        return nearest.headers


def admit(scope: "Scope", limiter: Limiter, credential: bytes | None) -> Admission:
    """Creates the Admission of a request and stores it in the request's scope."""
    client = scope.get("client")
    address = name_of_address(client[0] if client else "unknown")
    admission = Admission(limiter, rule_for(scope["path"]), address, credential)
    scope[_IN_SCOPE] = admission
    return admission


def admission_of(scope: "Scope") -> Admission | None:
    """The Admission of a request; None if rate limits are off."""
    return cast("Admission | None", scope.get(_IN_SCOPE))


def is_unlimited(scope: "Scope") -> bool:
    """True for the paths without limits, and for preflight requests of browsers, which reach no route."""
    return scope["method"] == "OPTIONS" or scope["path"] in UNLIMITED_PATHS


async def count_by_caller(request: HTTPConnection, name: str) -> None:
    """Counts a request by its authenticated caller. Raises RateLimited if the caller exceeds its limit.

    name: the caller's name. Until a process knows that a credential is valid, it counts by address, so that guessing
    credentials is limited.
    """
    if admission := admission_of(request.scope):
        await admission.count_by_caller(name)


async def limit(request: HTTPConnection, rule: Rule, *by: str) -> None:
    """Counts a request against a limit of its route, before the route runs a query. Raises RateLimited.

    by: values to count by in addition to the address, such as the license key. Only their hash is stored.
    """
    if admission := admission_of(request.scope):
        await admission.count(rule, digest(admission.address, *by))
