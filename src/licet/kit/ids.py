"""Row ids: UUIDv7, generated here so that rows can refer to each other before they are inserted."""

from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Generate a UUIDv7: unique without coordination, and sorted by creation time."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def as_id(text: str) -> UUID | None:
    """The id that a caller sent, if it is in canonical form; else None."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
