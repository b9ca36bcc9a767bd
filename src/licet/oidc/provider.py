"""Verifies tokens of the identity provider: signature, issuer, audience, time and type.

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

MAX_TOKEN_CHARACTERS = 16 * 1024
"""Tokens of large companies, which list all groups of a user, have about 8000 characters."""
SKEW_SECONDS = 60
"""The allowed difference between the clocks of the provider and of this machine."""
_TOKEN_TYPES = ("jwt", "at+jwt", "application/at+jwt")
"""Identity and access tokens. Other signed tokens, such as logout tokens, are not credentials."""
_REQUIRED_CLAIMS = ["iss", "sub", "aud", "exp"]


@dataclass(frozen=True)
class Identity:
    """The subject of a verified token. email: None unless the provider has verified it."""

    issuer: str
    subject: str
    name: str | None
    email: str | None


class IdentityProvider:
    """Verifies the tokens of one issuer for one audience."""

    def __init__(self, issuer: str, audience: str, keys: KeySet | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys or KeySet(issuer)

    async def identify(self, token: str) -> Identity:
        """Verifies a token and returns its subject.

        Raises Unauthorized with the reason; IdentityProviderUnavailable if the keys cannot be read.
        """
        kid, algorithm = _key_named(token)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise Unauthorized("This token is not signed with a key of the identity provider. Sign in again.")
        return self._verify(token, key, algorithm)

    def find_subject(self, token: str) -> str | None:
        """The subject of a valid token that is signed with a known key, without any I/O; else None.

        It takes some 50 µs, so it may run before the request is counted.
        """
        try:
            kid, algorithm = _key_named(token)
            key = self._keys.find_known(kid, algorithm)
            return self._verify(token, key, algorithm).subject if key else None
        except Unauthorized:
            return None

    def read_keys_for(self, token: str) -> None:
        """Reads the keys in the background if the token names an unknown one."""
        try:
            kid, algorithm = _key_named(token)
        except Unauthorized:
            return
        if self._keys.find_known(kid, algorithm) is None:
            self._keys.read_in_background()

    def _verify(self, token: str, key: jwt.PyJWK, algorithm: str) -> Identity:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=SKEW_SECONDS,
                options={"require": _REQUIRED_CLAIMS, "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise Unauthorized(_reason(error)) from None
        except RecursionError:
            raise Unauthorized("This token's claims are nested too deep. Request one with fewer claims.") from None
        return _identity(claims)


def _key_named(token: str) -> tuple[str | None, str]:
    """The key id and algorithm of a token's header, which is not verified yet."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise Unauthorized(
            f"This token is longer than {MAX_TOKEN_CHARACTERS} characters. Request one with fewer claims."
        )
    try:
        header = jwt.get_unverified_header(token)
    except (PyJWTError, RecursionError):
        raise Unauthorized("This is not a valid JWT. Send a token of the identity provider, or an API key.") from None
    if header.get("alg") not in ALGORITHMS:
        raise Unauthorized(
            "This token's algorithm is not accepted. Configure the identity provider to sign with "
            f"{' or '.join(ALGORITHMS)}."
        )
    if str(header.get("typ", "JWT")).lower() not in _TOKEN_TYPES:
        raise Unauthorized("This token's type is not accepted. Send an identity token or an access token.")
    return header.get("kid"), header["alg"]


def _reason(error: PyJWTError) -> str:
    match error:
        case ExpiredSignatureError():
            return "This token has expired. Sign in again."
        case ImmatureSignatureError():
            return "This token is not valid yet. Compare this machine's clock with the identity provider's."
        case InvalidAudienceError():
            return "This token is for another service: its aud must contain LICET_OIDC_AUDIENCE. Request one for Licet."
        case InvalidIssuerError():
            return "This token is from another issuer: its iss must be exactly LICET_OIDC_ISSUER."
        case MissingRequiredClaimError():
            return f"This token has no {error.claim}. Configure the identity provider to add this claim."
        case _:
            return "This token's signature or claims are invalid. Sign in again."


def _identity(claims: dict[str, Any]) -> Identity:
    subject = claims["sub"]
    # Source: OpenID Connect Core 1.0, section 2, "sub".
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Unauthorized(
            "This token's sub is invalid. Configure the identity provider to send 1 to 255 printable characters."
        )
    if "events" in claims:
        raise Unauthorized(
            "This token reports an event, such as a logout, and is not a credential. Send an identity or access token."
        )
    return Identity(claims["iss"], subject, _text(claims, "name"), _email(claims))


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None


def _email(claims: dict[str, Any]) -> str | None:
    return _text(claims, "email") if claims.get("email_verified") is True else None
