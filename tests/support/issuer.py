"""An identity provider over real HTTP: discovery, keys that can be changed, and failures on demand.

It signs with `cryptography` alone: the library under test does not test itself, and anything can be signed.
"""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.support.serving import serve

AUDIENCE = "https://licenses.example.com"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class SigningKey:
    """A private key, and its public form for the key set."""

    kid: str
    algorithm: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def published(self, **fields: Any) -> dict[str, Any]:
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.public_key().public_numbers()
            return {**common, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **fields}
        point = self.private.public_key().public_numbers()
        size = (self.private.curve.key_size + 7) // 8
        name = {"secp256r1": "P-256", "secp384r1": "P-384"}[self.private.curve.name]
        return {**common, "kty": "EC", "crv": name, "x": _number(point.x, size), "y": _number(point.y, size), **fields}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        size = (self.private.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@cache
def rsa_key(kid: str = "rsa-1", bits: int = 2048) -> SigningKey:
    return SigningKey(kid, "RS256", rsa.generate_private_key(65537, bits))


@cache
def ec_key(kid: str = "ec-1", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> SigningKey:
    return SigningKey(kid, "ES256", ec.generate_private_key(curve()))


def hmac_of(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def assemble(header: dict[str, Any], claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """A JWT of this header and these claims, whether they are valid or not."""
    message = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{message}.{b64(sign(message.encode()))}"


class Issuer:
    """An identity provider whose answers can be changed at any time.

    keys: the published keys; instead: replaces the answer of a path; asked: the number of requests of each path
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys: list[Any] = [rsa_key().published(), ec_key().published()]
        self.configuration: dict[str, Any] = {}
        self.instead: dict[str, Callable[[], Any]] = {}
        self.asked: Counter[str] = Counter()
        self.app = Starlette(routes=[Route("/{path:path}", self._answer)])

    @property
    def name(self) -> str:
        """The value of `iss`, with a slash at its end as many providers have it."""
        return f"{self.url}/"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Valid claims with these changes; None removes a claim."""
        now = int(time())
        good = {"iss": self.name, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 300}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, key: SigningKey | None = None, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        key = key or rsa_key()
        whole = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
        return assemble({n: v for n, v in whole.items() if v is not None}, self.claims(**claims), key.sign)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked[path] += 1
        if path in self.instead:
            answer = self.instead[path]()
            return answer if isinstance(answer, Response) else await answer
        if path == DISCOVERY:
            return JSONResponse({"issuer": self.name, "jwks_uri": f"{self.url}{KEYS}"} | self.configuration)
        if path == KEYS:
            return JSONResponse({"keys": self.keys})
        return Response(status_code=404)


DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    """Serves an identity provider while the block lasts."""
    made = Issuer()
    async with serve(made.app) as url:
        made.url = url
        yield made
