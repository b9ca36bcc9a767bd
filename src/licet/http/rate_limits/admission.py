"""What one request has been counted for; and how a route counts it for more."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from licet.errors import RateLimited
from licet.http.rate_limits.count import Count, untouched
from licet.http.rate_limits.limiter import Limiter, digest, name_of_address
from licet.http.rate_limits.rules import NEVER, Rule, rule_for

if TYPE_CHECKING:
    from starlette.types import Scope

_IN_SCOPE = "licet.admission"


@dataclass
class Admission:
    """One request, on its way in.

    address:    as what its address is counted
    credential: the hash of what it came with; None for none, and for several
    counts:     how the limits stand that it was counted by; none where it counts for nothing
    refused:    what to answer instead of what was asked for
    """

    limiter: Limiter
    rule: Rule
    address: str
    credential: bytes | None
    counts: list[Count] = field(default_factory=list)
    stranger: bool = False
    refused: RateLimited | None = None

    async def enter(self) -> None:
        """Counts it by its key where that is known to be good, else by its address, before anything is looked up."""
        name = self.limiter.name_of(self.credential)
        self.stranger = name is None
        rule: Rule = "general" if name is None else self.rule
        try:
            await self.count(rule, name or self.address)
        except RateLimited as error:
            self.refused = error

    async def count(self, rule: Rule, name: str) -> None:
        """Counts it by one more limit. Raises RateLimited where that is used up."""
        found = await self.limiter.counter.add(self.limiter.limits[rule], name)
        self.counts.append(found)
        if found.over:
            raise found.as_error()

    async def recognise(self, name: str) -> None:
        """Its credential is good: counted as `name`, and no longer by the address. Raises RateLimited."""
        if not self.stranger or self.credential is None:
            return
        self.stranger = False
        self.limiter.remember(self.credential, name)
        await self.limiter.counter.add(self.limiter.limits["general"], self.address, -1)
        self.counts.clear()
        await self.count(self.rule, name)

    @property
    def headers(self) -> dict[str, str]:
        """Of the limit that will be used up first."""
        nearest = min(self.counts, key=lambda count: count.remaining, default=untouched(self.limiter.limits["general"]))
        return nearest.headers


def admit(scope: "Scope", limiter: Limiter, credential: bytes | None) -> Admission:
    """A request's own, kept in its scope."""
    client = scope.get("client")
    address = name_of_address(client[0] if client else "unknown")
    admission = Admission(limiter, rule_for(scope["path"]), address, credential)
    scope[_IN_SCOPE] = admission
    return admission


def admission_of(scope: "Scope") -> Admission | None:
    """None where the limits are off."""
    return cast("Admission | None", scope.get(_IN_SCOPE))


def counts_for_nothing(scope: "Scope") -> bool:
    """What is never limited, and a browser's preflight, which no route answers."""
    return scope["method"] == "OPTIONS" or scope["path"] in NEVER


async def recognise(request: HTTPConnection, name: str) -> None:
    """Says that the credential of a request is good, and whose. Raises RateLimited where `name` is over its limit.

    Until a process has heard that of a credential, it counts by address, so that guessing is limited.
    """
    if admission := admission_of(request.scope):
        await admission.recognise(name)


async def limit(request: HTTPConnection, rule: Rule, *by: str) -> None:
    """Counts a request by a limit of its route's own, before the route looks anything up. Raises RateLimited.

    by: what is counted by beside the address, such as the license key; only its hash is kept.
    """
    if admission := admission_of(request.scope):
        await admission.count(rule, digest(admission.address, *by))
