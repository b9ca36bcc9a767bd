"""Which of the published keys can verify a token, each bound to its one algorithm.

A key never verifies what its type is not for, whatever a token's header says: an RSA key RS256, a P-256 key ES256.
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
"""Providers publish a handful; each is looked at for every token."""


def usable(published: Iterable[Any]) -> tuple[PyJWK, ...]:
    """Those that sign in a way that is accepted here. Others are passed over, as RFC 7517, section 5, asks."""
    found = (_read(one) for one in published)
    return tuple(key for key in found if key is not None)[:MAX_KEYS]


def pick(keys: Sequence[PyJWK], kid: str | None, algorithm: str) -> PyJWK | None:
    """The one that a token's header means; without `kid` the only one there is for this algorithm."""
    meant = [key for key in keys if key.algorithm_name == algorithm and kid in (None, key.key_id)]
    return meant[0] if len(meant) == 1 else None


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
