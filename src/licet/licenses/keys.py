"""License keys: `PREFIX-XXXX-XXXX-XXXX-XXXX`, 80 random bits in Crockford's base32, found by hash."""

import secrets
from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new_key(prefix: str) -> str:
    """Generate a new random key."""
    letters = [secrets.choice(ALPHABET) for _ in range(16)]
    return "-".join([prefix, *("".join(letters[at : at + 4]) for at in range(0, 16, 4))])


def key_hash(key: str) -> bytes:
    """The hash that a key is found by, in whatever way the key was typed.

    Lower case, spaces, O for 0, and I or L for 1 make no difference.
    A slow hash is not needed: 80 random bits cannot be guessed.
    """
    typed = "".join(key.split()).upper()
    prefix, dash, random = typed.partition("-")
    return sha256(f"{prefix}{dash}{random.translate(_READ_AS)}".encode()).digest()
