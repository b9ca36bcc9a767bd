"""What a token says of who is calling, if the provider signed it, for us, and it holds now.

Source: contract, section 1; RFC 7519; RFC 8725, sections 3.1 to 3.12; docs/decisions/oidc.md.
"""

from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from licet.errors import Unauthorized
from licet.oidc.key_set import KeySet
from licet.oidc.keys import ALGORITHMS

LONGEST = 16 * 1024
"""Characters of a token. Those of large companies, with every group in them, have some 8000."""
SKEW_SECONDS = 60
"""As far the provider's clock and ours may be apart."""
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
"""Of what is signed for an audience, identity and access tokens alone are credentials; a logout token is none."""
_REQUIRED = ["iss", "sub", "aud", "exp"]


@dataclass(frozen=True)
class Identity:
    """Who is calling, as the provider says. email: None unless it says that it has verified it."""

    issuer: str
    subject: str
    name: str | None
    email: str | None


class IdentityProvider:
    """One issuer, and the audience that its tokens must name."""

    def __init__(self, issuer: str, audience: str, keys: KeySet | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys or KeySet(issuer)

    async def identify(self, token: str) -> Identity:
        """Raises Unauthorized, saying what is wrong with the token; IdentityProviderUnavailable without keys."""
        kid, algorithm = _key_named(token)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise Unauthorized("This token is not signed by a key of the identity provider. Sign in again.")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=SKEW_SECONDS,
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise Unauthorized(_said(error)) from None
        return _identity(claims)


def _key_named(token: str) -> tuple[str | None, str]:
    """The key id and algorithm of a token's header, of which nothing is believed yet."""
    if len(token) > LONGEST:
        raise Unauthorized(f"This token is longer than {LONGEST} characters. Ask for one with fewer claims.")
    try:
        header = jwt.get_unverified_header(token)
    except PyJWTError:
        raise Unauthorized("This is no token that can be read here.") from None
    if header.get("alg") not in ALGORITHMS:
        raise Unauthorized(f"Tokens must be signed with {' or '.join(ALGORITHMS)}.")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise Unauthorized("This is a token of another kind. Send an identity or an access token.")
    return header.get("kid"), header["alg"]


def _said(error: PyJWTError) -> str:
    match error:
        case ExpiredSignatureError():
            return "This token has expired. Sign in again."
        case ImmatureSignatureError():
            return "This token is not valid yet: compare this machine's clock with the identity provider's."
        case InvalidAudienceError():
            return "This token is for somebody else: its aud does not name this service."
        case InvalidIssuerError():
            return "This token is of another issuer."
        case MissingRequiredClaimError():
            return f"This token has no {error.claim}."
        case _:
            return "This token's signature or claims do not hold. Sign in again."


def _identity(claims: dict[str, Any]) -> Identity:
    subject = claims["sub"]
    # Source: OpenID Connect Core 1.0, section 2, "sub".
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Unauthorized("This token's sub must have 1 to 255 printable characters.")
    if "events" in claims:
        raise Unauthorized("This token tells of an event, such as a logout, and is no credential.")
    return Identity(claims["iss"], subject, _text(claims, "name"), _email(claims))


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _email(claims: dict[str, Any]) -> str | None:
    return _text(claims, "email") if claims.get("email_verified") is True else None
