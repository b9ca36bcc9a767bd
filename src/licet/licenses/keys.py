"""License keys: `PREFIX-XXXX-XXXX-XXXX-XXXX`, 80 random bits in Crockford's base32, looked up by hash."""

import secrets
from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})


def new_key(prefix: str) -> str:
    """A new key; nothing in it follows from anything else."""
    letters = [secrets.choice(ALPHABET) for _ in range(16)]
    return "-".join([prefix, *("".join(letters[at : at + 4]) for at in range(0, 16, 4))])


def key_hash(key: str) -> bytes:
    """What a key is looked up by, however it was typed: in lower case, with spaces, with O for 0 or I for 1.

    80 random bits need no slow hash: there is nothing to guess from.
    """
    typed = "".join(key.split()).upper()
    prefix, dash, random = typed.partition("-")
    return sha256(f"{prefix}{dash}{random.translate(_READ_AS)}".encode()).digest()
