"""Reads the credential of a request from its two possible headers. Source: contract, section 1."""

from starlette.datastructures import Headers

from licet.errors import Unauthorized


def find_credential(headers: Headers) -> str | None:
    """The credential of a request, or None.

    Raises Unauthorized for two different credentials, and for a scheme that is not Bearer.
    """
    credentials = {value.strip() for value in headers.getlist("x-api-key")}
    for value in headers.getlist("authorization"):
        scheme, _, credential = value.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("The Authorization header must be: Bearer, a space, and an API key or token.")
        credentials.add(credential.strip())
    if len(credentials) > 1:
        raise Unauthorized("The request has two different credentials. Send one.")
    return credentials.pop() if credentials else None


def is_token(credential: str) -> bool:
    """True for a JWT, which has three parts. An API key contains no dot."""
    return credential.count(".") == 2
