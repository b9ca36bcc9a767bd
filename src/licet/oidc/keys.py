"""Selects the published keys that can verify tokens, and binds each to its algorithm.

An RSA key verifies only RS256 and a P-256 key only ES256, regardless of a token's header.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}
ALGORITHMS = tuple(_ALGORITHM_OF.values())
MAX_KEYS = 100
"""Providers publish only a few, and every key is checked for each token."""


def usable_keys(published: Iterable[Any]) -> tuple[PyJWK, ...]:
    """The keys of accepted types. Others are ignored, as RFC 7517, section 5, requires."""
    keys = (_read(jwk) for jwk in published)
    return tuple(key for key in keys if key is not None)[:MAX_KEYS]


def find_key_for(keys: Sequence[PyJWK], kid: str | None, algorithm: str) -> PyJWK | None:
    """The key that a token's header names, or None.

    Without `kid` it is the key for this algorithm, if there is only one.
    """
    matching = [key for key in keys if key.algorithm_name == algorithm and kid in (None, key.key_id)]
    return matching[0] if len(matching) == 1 else None


def _read(published: Any) -> PyJWK | None:
    if not isinstance(published, dict) or not isinstance(published.get("kty"), str):
        return None
    algorithm = _ALGORITHM_OF.get(published["kty"])
    if algorithm is None or not _is_for(published, algorithm):
        return None
    try:
        key = PyJWK(published, algorithm)
    except PyJWTError:
        return None
    return key if isinstance(key.key, RSAPublicKey | EllipticCurvePublicKey) else None


def _is_for(published: dict[str, Any], algorithm: str) -> bool:
    operations = published.get("key_ops", ["verify"])
    return (
        published.get("alg", algorithm) == algorithm
        and published.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )
