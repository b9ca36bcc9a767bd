"""The credential of a request, in either of the two headers that take one (contract, section 1)."""

from starlette.datastructures import Headers

from licet.errors import Unauthorized


def presented(headers: Headers) -> str | None:
    """The one credential of a request, or None.

    Raises Unauthorized for two that differ (whose would count?) and for a scheme that is not Bearer.
    """
    given = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, credential = value.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("The Authorization header must read: Bearer, a space, and an API key.")
        given.add(credential.strip())
    if len(given) > 1:
        raise Unauthorized("Two different credentials came with one request. Send one.")
    return given.pop() if given else None
