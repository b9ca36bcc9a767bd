"""Encrypts what must be shown again, such as license keys and stored responses."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class Keyring:
    """Fernet keys (`LICET_SECRET_KEYS`): the first encrypts, all decrypt. To rotate, put a new key first.

    Raises ValueError for a key that is not 32 bytes in URL-safe base64, and if there is no key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("there is no encryption key: set LICET_SECRET_KEYS")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, clear: str) -> bytes:
        """Encrypts `clear` with the first key."""
        return self._fernet.encrypt(clear.encode())

    def decrypt(self, token: bytes) -> str:
        """Decrypts a token that any of the keys encrypted.

        Raises cryptography.fernet.InvalidToken if none of them did.
        """
        return self._fernet.decrypt(token).decode()
