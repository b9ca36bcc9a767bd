"""Encryption of what must be shown again: license keys, kept answers. The first key encrypts, all decrypt."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class Keyring:
    """Fernet keys for rotation (`LICET_SECRET_KEYS`): a new one goes first, the old ones still open.

    Raises ValueError for a key that is not 32 url-safe base64 bytes, and for an empty ring.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one encryption key is needed: set LICET_SECRET_KEYS")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, clear: str) -> bytes:
        """`clear`, closed by the first key."""
        return self._fernet.encrypt(clear.encode())

    def decrypt(self, token: bytes) -> str:
        """What was closed by any of the keys.

        Raises cryptography.fernet.InvalidToken where none of them closed it.
        """
        return self._fernet.decrypt(token).decode()
