"""The keys that encrypt what must be shown again, such as license keys."""

import base64
import secrets

from licet.cannot_start import CannotStart
from licet.config import Settings
from licet.data_dir import read_private, write_private


def encryption_keys(settings: Settings, *, empty_database: bool) -> list[str]:
    """LICET_SECRET_KEYS; else the one in `DATA_DIR/secret.key`, made for a database that holds nothing yet.

    Raises CannotStart where the database is filled and its key is gone: a new one could read nothing of it.
    """
    if settings.secret_keys:
        return [key.get_secret_value() for key in settings.secret_keys]
    path = settings.data_dir / "secret.key"
    kept = read_private(path)
    if kept:
        return [kept]
    if not empty_database:
        raise CannotStart(
            f"The database holds what was encrypted with a key that is missing: {path} is not there. "
            "Put it back, or set LICET_SECRET_KEYS to the key that was in it."
        )
    made = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    write_private(path, made)
    return [made]
